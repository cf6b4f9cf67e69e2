package import DeviceProtocol

/// Which pack goes next over one link, and how many may be on their way.
///
/// Packs made while the link is up go first and in order: the live lane. What waited from before
/// follows behind them, newest first, so that after an outage a chart fills from now backwards. A
/// quarter of the window stays free of backfill, so that a reading never waits for a round trip of
/// old ones.
package struct SendQueue: Sendable {
  private let limits: WindowLimits
  private var inFlight: [UInt64: Int] = [:]
  private var inFlightBytes = 0
  private var nextLive: UInt64
  private var backfillBelow: UInt64

  /// The queue of a link that came up just now.
  /// - Parameters:
  ///   - limits: what the broker allows to be on its way.
  ///   - nextSequence: the number of the first pack that counts as live.
  package init(limits: WindowLimits, nextSequence: UInt64) {
    self.limits = limits
    nextLive = nextSequence
    backfillBelow = nextSequence
  }

  /// Packs sent and not acknowledged.
  package var inFlightCount: Int { inFlight.count }

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
    from spool: inout some Spool, maxPackBytes: Int
  ) -> Next? {
    while inFlight.count < limits.messages {
      guard let (sequence, lane) = candidate(spool.ledger) else { return nil }
      guard let pack = spool.pack(sequence) else {
        advance(past: sequence, lane)
        continue
      }
      guard pack.count <= maxPackBytes else {
        spool.giveUp(sequence, reason: .tooLarge)
        advance(past: sequence, lane)
        continue
      }
      let room = lane == .live ? limits.bytes : limits.bytes - limits.bytes / 4
      // One pack alone may be larger than the window, else it would never go.
      guard inFlight.isEmpty || inFlightBytes + pack.count <= room else { return nil }
      advance(past: sequence, lane)
      inFlight[sequence] = pack.count
      inFlightBytes += pack.count
      return Next(sequence: sequence, lane: lane, pack: pack)
    }
    return nil
  }

  /// Makes room for what the broker has stored.
  package mutating func acknowledge(_ ranges: SequenceRanges) {
    // The window is small, the ranges may cover millions.
    for (sequence, bytes) in inFlight where ranges.contains(sequence) {
      inFlight.removeValue(forKey: sequence)
      inFlightBytes -= bytes
    }
  }

  private mutating func candidate(_ ledger: SpoolLedger) -> (UInt64, Lane)? {
    while nextLive < ledger.nextSequence {
      if ledger.stored.contains(nextLive) { return (nextLive, .live) }
      nextLive += 1
    }
    guard inFlight.count < max(limits.messages - limits.messages / 4, 1),
      let sequence = ledger.newestStored(below: backfillBelow)
    else { return nil }
    return (sequence, .backfill)
  }

  private mutating func advance(past sequence: UInt64, _ lane: Lane) {
    switch lane {
    case .live: nextLive = sequence + 1
    case .backfill: backfillBelow = sequence
    }
  }
}
