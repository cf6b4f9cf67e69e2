package import DeviceProtocol

/// Which pack goes next, and how many may be on their way.
///
/// Packs made while the link is up go first and in order: the live lane. What waited from before
/// follows behind them, newest first, so that after an outage a chart fills from now backwards. A
/// quarter of the window stays free of backfill, so that a reading never waits for a round trip of
/// old ones. One link can take over from another; what the old one does not get acknowledged in
/// time goes again, first within its lane.
package struct SendQueue: Sendable {
  private struct Sent {
    var bytes: Int
    var link: LinkAttempt
  }

  private var limits: WindowLimits
  private var inFlight: [UInt64: Sent] = [:]
  private var inFlightBytes = 0
  /// Sent over a link that is gone, to be sent again.
  private var again = SequenceRanges()
  private let firstLive: UInt64
  private var nextLive: UInt64
  private var backfillBelow: UInt64

  /// The queue of a link that came up just now.
  /// - Parameters:
  ///   - limits: what the broker allows to be on its way.
  ///   - nextSequence: the number of the first pack that counts as live.
  package init(limits: WindowLimits, nextSequence: UInt64) {
    self.limits = limits
    firstLive = nextSequence
    nextLive = nextSequence
    backfillBelow = nextSequence
  }

  /// Packs sent and not acknowledged.
  package var inFlightCount: Int { inFlight.count }

  /// Packs sent over one link and not acknowledged.
  package func inFlightCount(on link: LinkAttempt) -> Int {
    inFlight.values.count { $0.link == link }
  }

  /// Whether a pack was sent and not acknowledged.
  package func isInFlight(_ sequence: UInt64) -> Bool { inFlight[sequence] != nil }

  /// A pack to be sent now.
  package struct Next: Hashable, Sendable {
    /// Its number.
    package let sequence: UInt64
    /// Its lane.
    package let lane: Lane
    /// Its bytes.
    package let pack: [UInt8]
  }

  /// The pack to send now, which then counts as sent; nil while the window is full or nothing
  /// waits. Packs larger than `maxPackBytes` are given up.
  package mutating func next(
    from spool: inout some Spool, maxPackBytes: Int, on link: LinkAttempt
  ) -> Next? {
    while inFlight.count < limits.messages {
      guard let (sequence, lane) = candidate(spool.ledger) else { return nil }
      guard let pack = spool.pack(sequence) else {
        advance(past: sequence)
        continue
      }
      guard pack.count <= maxPackBytes else {
        spool.giveUp(sequence, reason: .tooLarge)
        advance(past: sequence)
        continue
      }
      let room = lane == .live ? limits.bytes : limits.bytes - limits.bytes / 4
      // One pack alone may be larger than the window, else it would never go.
      guard inFlight.isEmpty || inFlightBytes + pack.count <= room else { return nil }
      advance(past: sequence)
      inFlight[sequence] = Sent(bytes: pack.count, link: link)
      inFlightBytes += pack.count
      return Next(sequence: sequence, lane: lane, pack: pack)
    }
    return nil
  }

  /// Makes room for what the broker has stored.
  package mutating func acknowledge(_ ranges: SequenceRanges) {
    // The window is small, the ranges may cover millions.
    for (sequence, sent) in inFlight where ranges.contains(sequence) {
      inFlight.removeValue(forKey: sequence)
      inFlightBytes -= sent.bytes
    }
  }

  /// Another link takes over, with the window that its broker allows; what is on its way over the
  /// old one still counts.
  package mutating func takeOver(_ limits: WindowLimits) {
    self.limits = limits
  }

  /// A link is gone: what it did not get acknowledged goes again.
  package mutating func linkEnded(_ link: LinkAttempt) {
    for (sequence, sent) in inFlight where sent.link == link {
      inFlight.removeValue(forKey: sequence)
      inFlightBytes -= sent.bytes
      again.insert(sequence)
    }
  }

  private mutating func candidate(_ ledger: SpoolLedger) -> (UInt64, Lane)? {
    while let sequence = again.last, !ledger.stored.contains(sequence) {
      again.remove(SequenceRange(sequence))
    }
    if let sequence = again.last, lane(sequence) == .live { return (sequence, .live) }
    while nextLive < ledger.nextSequence {
      if ledger.stored.contains(nextLive) { return (nextLive, .live) }
      nextLive += 1
    }
    guard inFlight.count < max(limits.messages - limits.messages / 4, 1),
      let sequence = again.last ?? ledger.newestStored(below: backfillBelow)
    else { return nil }
    return (sequence, .backfill)
  }

  private func lane(_ sequence: UInt64) -> Lane { sequence >= firstLive ? .live : .backfill }

  private mutating func advance(past sequence: UInt64) {
    if again.contains(sequence) {
      again.remove(SequenceRange(sequence))
    } else if sequence >= firstLive {
      nextLive = sequence + 1
    } else {
      backfillBelow = sequence
    }
  }
}
