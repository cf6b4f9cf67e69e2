package import DeviceProtocol
package import TelemetryModel

/// A spool in memory, for boards without writable storage: what it holds is gone when the process
/// ends, so that each process has an epoch of its own.
package struct MemorySpool: Spool {
  /// Names this process's numbering.
  package let epoch: String
  /// What is stored, acknowledged and lost.
  package private(set) var ledger = SpoolLedger()
  /// Bytes of the stored packs.
  package private(set) var storedBytes = 0
  /// What it holds is gone with the process.
  package var isDurable: Bool { false }
  /// Nothing.
  package var wear: SpoolWear { SpoolWear() }
  /// Never: it has one epoch.
  package var isEpochChangeDue: Bool { false }
  private let maxPacks: Int
  private let maxBytes: Int
  private var packs: [UInt64: [UInt8]] = [:]
  private var ages: SpoolAges

  /// An empty spool.
  /// - Parameters:
  ///   - epoch: a text that no earlier spool of this device had.
  ///   - maxPacks: the most packs it holds, at least one.
  ///   - maxBytes: the most bytes of packs it holds.
  ///   - maxAge: how long it holds packs; nil for ever.
  package init(epoch: String, maxPacks: Int, maxBytes: Int, maxAge: Duration? = nil) {
    self.epoch = epoch
    self.maxPacks = max(maxPacks, 1)
    self.maxBytes = maxBytes
    ages = SpoolAges(limit: maxAge)
  }

  /// Stores a pack; never fails. One that is larger than the whole spool is lost at once.
  package mutating func append(
    _ pack: [UInt8], at time: Timestamp?, isInFlight: (UInt64) -> Bool
  ) -> SpooledPack {
    var dropped = SequenceRanges()
    if let time, let last = ages.expired(at: time) {
      for sequence in ledger.stored(upTo: last) { giveUp(sequence, reason: .tooOld) }
    }
    while packs.count >= maxPacks || storedBytes + pack.count > maxBytes,
      let victim = ledger.victim(isInFlight)
    {
      giveUp(victim, reason: .spoolFull)
      dropped.insert(SequenceRange(victim))
    }
    let sequence = ledger.append()
    if let time { _ = ages.store(sequence, at: time) }
    ages.forget(before: ledger.oldestStored ?? sequence)
    packs[sequence] = pack
    storedBytes += pack.count
    if storedBytes > maxBytes {
      giveUp(sequence, reason: .spoolFull)
      dropped.insert(sequence)
    }
    return SpooledPack(sequence: sequence, dropped: dropped)
  }

  /// Stores a pack while nobody knows the time; never fails.
  package mutating func append(
    _ pack: [UInt8], isInFlight: (UInt64) -> Bool
  ) -> SpooledPack {
    append(pack, at: nil, isInFlight: isInFlight)
  }

  /// A stored pack.
  package mutating func pack(_ sequence: UInt64) -> [UInt8]? { packs[sequence] }

  /// Forgets packs that the broker has.
  package mutating func acknowledge(_ ranges: SequenceRanges) {
    for range in ledger.acknowledge(ranges).ranges {
      for sequence in range.from...range.to { forget(sequence) }
    }
  }

  /// Gives up a stored pack.
  package mutating func giveUp(_ sequence: UInt64, reason: LossReason) {
    guard packs[sequence] != nil else { return }
    forget(sequence)
    ledger.lose(sequence, reason: reason)
  }

  /// Does nothing: there is nothing to make durable.
  package mutating func flush(_ extent: FlushExtent) {}

  /// What was given up since this was asked last.
  package mutating func takeLosses() -> [SpoolLoss] { ledger.takeNews() }

  /// Does nothing.
  package mutating func changeEpoch() {}

  private mutating func forget(_ sequence: UInt64) {
    storedBytes -= packs.removeValue(forKey: sequence)?.count ?? 0
  }
}

extension SpoolLedger {
  /// The stored packs up to a number.
  func stored(upTo last: UInt64) -> [UInt64] {
    stored.ranges.prefix { $0.from <= last }.flatMap { Array($0.from...min($0.to, last)) }
  }

  /// The pack to drop when there is no room: the oldest that is not on its way, else the oldest.
  func victim(_ isInFlight: (UInt64) -> Bool) -> UInt64? {
    for range in stored.ranges {
      for sequence in range.from...range.to where !isInFlight(sequence) { return sequence }
    }
    return oldestStored
  }
}
