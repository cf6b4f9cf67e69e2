package import DeviceProtocol

/// Which sequence numbers of an epoch are stored, acknowledged and lost: every number that was
/// given out is in exactly one of the three.
package struct SpoolLedger: Hashable, Sendable {
  /// The number that the next pack gets.
  package private(set) var nextSequence: UInt64
  /// Packs that are stored.
  package private(set) var stored: SequenceRanges
  /// Packs that the broker has.
  package private(set) var acknowledged: SequenceRanges
  private var lost: [LossReason: SequenceRanges]
  /// What of it was lost since it was asked for last.
  private var news: [LossReason: SequenceRanges] = [:]

  /// The ledger of a new epoch.
  package init() {
    nextSequence = 1
    stored = SequenceRanges()
    acknowledged = SequenceRanges()
    lost = [:]
  }

  /// The ledger of a spool that was found: what is neither stored nor lost was acknowledged.
  package init(
    nextSequence: UInt64, stored: SequenceRanges, lost: [LossReason: SequenceRanges] = [:]
  ) {
    self.init()
    self.nextSequence = nextSequence
    self.stored = stored
    self.lost = lost
    guard let all = SequenceRange(from: 1, to: nextSequence - 1) else { return }
    var known = stored
    for ranges in lost.values { known.merge(ranges) }
    acknowledged = known.missing(in: all)
  }

  /// Losses that the broker may not know yet, oldest first.
  package var gaps: [Gap] {
    LossReason.allCases
      .flatMap { reason in
        (lost[reason]?.ranges ?? []).map { Gap($0, reason: reason.rawValue) }
      }
      .sorted { $0.from < $1.from }
  }

  /// The oldest stored pack.
  package var oldestStored: UInt64? { stored.ranges.first?.from }

  /// The newest stored pack below a number.
  package func newestStored(below limit: UInt64) -> UInt64? {
    // Few ranges: holes come from acknowledgements out of order only.
    for range in stored.ranges.reversed() where range.from < limit {
      return min(range.to, limit - 1)
    }
    return nil
  }

  /// Gives the next number to a pack that is stored.
  package mutating func append() -> UInt64 {
    let sequence = nextSequence
    nextSequence += 1
    stored.insert(sequence)
    return sequence
  }

  /// Puts a stored pack on record as lost.
  package mutating func lose(_ sequence: UInt64, reason: LossReason) {
    stored.remove(SequenceRange(sequence))
    lost[reason, default: SequenceRanges()].insert(sequence)
    news[reason, default: SequenceRanges()].insert(sequence)
  }

  /// What was lost since this was asked last, oldest first.
  package mutating func takeNews() -> [SpoolLoss] {
    guard !news.isEmpty else { return [] }
    defer { news = [:] }
    return news.flatMap { reason, ranges in ranges.ranges.map { SpoolLoss($0, reason) } }
      .sorted { $0.range.from < $1.range.from }
  }

  /// Takes note of what the broker has. Numbers not given out yet are ignored: a mistaken broker
  /// must not make packs vanish.
  /// - Returns: the packs that were stored until now.
  package mutating func acknowledge(_ ranges: SequenceRanges) -> SequenceRanges {
    var freed = SequenceRanges()
    for range in ranges.ranges {
      guard
        let known = SequenceRange(from: max(range.from, 1), to: min(range.to, nextSequence - 1))
      else { continue }
      for held in stored.ranges where held.from <= known.to && held.to >= known.from {
        for sequence in max(held.from, known.from)...min(held.to, known.to) {
          freed.insert(sequence)
        }
      }
      stored.remove(known)
      for reason in lost.keys { lost[reason]?.remove(known) }
      acknowledged.insert(known)
    }
    return freed
  }
}
