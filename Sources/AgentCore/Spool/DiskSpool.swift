package import DeviceProtocol
package import TelemetryModel

/// A spool that survives the end of its process and power cuts at any byte.
///
/// Segment files are only appended to. Packs are gathered in memory and written when they still
/// wait for their acknowledgement at the second flush: a healthy link writes no pack at all. So
/// that no number is given out twice after a crash, numbers are reserved in blocks, durably, before
/// the first of a block is used; those of a block that a crash swallowed are on record as lost
/// until the broker says that it has them.
package struct DiskSpool: Spool, Sendable {
  /// The bounds and habits of a spool on disk.
  package struct Limits: Hashable, Sendable {
    /// The most packs stored.
    package var maxPacks = 1_000_000
    /// The most bytes of packs stored. Files can be larger by packs acknowledged meanwhile.
    package var maxBytes = 64 << 20
    /// A segment is closed at this size; freed space comes back in units of it.
    package var segmentBytes = 1 << 20
    /// Numbers reserved at once. With half of them used up the next are reserved: one durable write
    /// for so many packs on a healthy link.
    package var reservedNumbers: UInt64 = 128
    /// How long packs are kept; nil for ever.
    package var maxAge: Duration?
    /// So many bytes of the disk are left to others.
    package var minFreeBytes = 0
    /// Every pack is durable before `append` returns.
    package var syncsEveryPack = false

    /// The defaults.
    package init() {}
  }

  /// Names the numbering; kept in every segment.
  package let epoch: String
  /// What is stored, acknowledged and lost.
  package internal(set) var ledger: SpoolLedger
  /// Bytes of the stored packs.
  package internal(set) var storedBytes = 0

  /// What was written so far.
  package internal(set) var wear = SpoolWear()
  /// It survives the process.
  package var isDurable: Bool { true }
  /// Never: it has one epoch.
  package var isEpochChangeDue: Bool { false }

  let folder: any SpoolFolder
  let limits: Limits
  /// Packs in memory only.
  var pending: [UInt64: [UInt8]] = [:]
  /// Packs in files.
  var locations: [UInt64: Location] = [:]
  /// Stored packs by segment; the last segment is the one written to.
  var segments: [(name: String, stored: Int)] = []
  var activeBytes = 0
  /// Numbers up to this one are reserved durably.
  var reservedUpTo: UInt64 = 0
  /// Acknowledgements and losses that are not in a file yet.
  var unwritten = SpoolNotes()
  /// When packs came.
  var ages: SpoolAges
  /// Pending packs up to here have seen a flush already.
  private var settledUpTo: UInt64 = 0

  struct Location: Hashable, Sendable {
    let segment: String
    let offset: Int
    let bytes: Int
  }

  /// Opens what is in the folder, repaired, or begins anew.
  /// - Parameters:
  ///   - folder: where the segments are; used by this spool alone.
  ///   - limits: bounds and habits.
  ///   - newEpoch: called where the folder holds no spool.
  /// - Throws: where the folder cannot be read or written.
  package init(
    in folder: any SpoolFolder, limits: Limits = Limits(), newEpoch: () -> String
  ) throws(SpoolFailure) {
    self.folder = folder
    self.limits = limits
    let found = try SpoolRecovery(folder)
    epoch = found.epoch ?? newEpoch()
    ledger = found.ledger
    locations = found.locations
    storedBytes = found.locations.values.reduce(0) { $0 + $1.bytes }
    ages = SpoolAges(limit: limits.maxAge)
    for mark in found.marks { ages.found(mark) }
    segments = found.segments.map { name in
      (name, found.locations.values.count { $0.segment == name })
    }
    unwritten.lost[.crashed] = found.crashed
    settledUpTo = ledger.nextSequence - 1
    reservedUpTo = ledger.nextSequence - 1
    try beginSegment()
  }

  /// Whether the next number may be given to a pack: it is reserved, so that no later life of this
  /// spool gives it out again.
  var hasNumber: Bool { ledger.nextSequence <= reservedUpTo }

  /// Reserves numbers ahead of their use, while there are still some for the time that a disk
  /// needs to come back.
  mutating func reserve() throws(SpoolFailure) {
    guard ledger.nextSequence + limits.reservedNumbers / 2 > reservedUpTo else { return }
    do throws(SpoolFailure) {
      try write([])
    } catch {
      // With some numbers left there is time: it is tried again with every pack.
      if !hasNumber { throw error }
    }
  }

  /// Stores a pack; see `Spool`. Where not even a number can be reserved for it, the pack is not
  /// stored, and `hasNumber` is false.
  package mutating func append(
    _ pack: [UInt8], at time: Timestamp?, isInFlight: (UInt64) -> Bool
  ) throws(SpoolFailure) -> SpooledPack {
    try reserve()
    if let time, let last = ages.expired(at: time) {
      for sequence in ledger.stored(upTo: last) { giveUp(sequence, reason: .tooOld) }
    }
    var dropped = SequenceRanges()
    while ledger.stored.count >= UInt64(limits.maxPacks)
      || storedBytes + pack.count > limits.maxBytes,
      let victim = ledger.victim(isInFlight)
    {
      giveUp(victim, reason: .spoolFull)
      dropped.insert(SequenceRange(victim))
    }
    let sequence = ledger.append()
    if let time, let mark = ages.store(sequence, at: time) { unwritten.ages.append(mark) }
    ages.forget(before: ledger.oldestStored ?? sequence)
    pending[sequence] = pack
    storedBytes += pack.count
    if storedBytes > limits.maxBytes {
      giveUp(sequence, reason: .spoolFull)
      dropped.insert(sequence)
    }
    if limits.syncsEveryPack { try write(pending.keys.sorted()) }
    return SpooledPack(sequence: sequence, dropped: dropped)
  }

  /// A stored pack, checked against its checksum.
  package mutating func pack(_ sequence: UInt64) -> [UInt8]? {
    if let pack = pending[sequence] { return pack }
    guard let location = locations[sequence] else { return nil }
    let length = SpoolEntry.headBytes + SpoolEntry.packHeadBytes + location.bytes
    guard let bytes = try? folder.read(location.segment, from: location.offset, count: length)
    else { return nil }
    guard case (.pack(sequence, let body), _)? = SpoolEntry.read(bytes, at: 0) else {
      giveUp(sequence, reason: .damaged)
      return nil
    }
    return Array(bytes[body])
  }

  /// Forgets packs that the broker has; files go once nothing in them is stored.
  package mutating func acknowledge(_ ranges: SequenceRanges) {
    for range in ranges.ranges {
      let last = min(range.to, ledger.nextSequence - 1)
      guard let known = SequenceRange(from: max(range.from, 1), to: last) else { continue }
      unwritten.acknowledged.merge(ledger.acknowledged.missing(in: known))
    }
    for range in ledger.acknowledge(ranges).ranges {
      for sequence in range.from...range.to { forget(sequence) }
    }
  }

  /// Gives up a stored pack.
  package mutating func giveUp(_ sequence: UInt64, reason: LossReason) {
    guard ledger.stored.contains(sequence) else { return }
    forget(sequence)
    ledger.lose(sequence, reason: reason)
    unwritten.lost[reason, default: SequenceRanges()].insert(sequence)
  }

  /// Writes what has to be durable, and deletes files that hold nothing any more.
  package mutating func flush(_ extent: FlushExtent) throws(SpoolFailure) {
    let due = pending.keys.filter { extent == .everything || $0 <= settledUpTo }.sorted()
    settledUpTo = ledger.nextSequence - 1
    let canFree = segments.dropLast().contains { $0.stored == 0 }
    guard !due.isEmpty || canFree || extent == .everything else { return }
    try write(due, isExact: extent == .everything)
    removeEmptySegments()
  }

  /// What was given up since this was asked last.
  package mutating func takeLosses() -> [SpoolLoss] { ledger.takeNews() }

  /// Does nothing.
  package mutating func changeEpoch() {}

  private mutating func forget(_ sequence: UInt64) {
    if let pack = pending.removeValue(forKey: sequence) {
      storedBytes -= pack.count
    } else if let location = locations.removeValue(forKey: sequence) {
      storedBytes -= location.bytes
      if let index = segments.firstIndex(where: { $0.name == location.segment }) {
        segments[index].stored -= 1
      }
    }
  }
}

/// What became of packs, waiting to be written.
struct SpoolNotes: Hashable, Sendable {
  var acknowledged = SequenceRanges()
  var lost: [LossReason: SequenceRanges] = [:]
  var ages: [SpoolAges.Mark] = []

  /// Whether files can go: marks of age are in every file that needs them.
  var isEmpty: Bool { acknowledged.isEmpty && lost.values.allSatisfy(\.isEmpty) }

  func append(to bytes: inout [UInt8]) {
    for range in acknowledged.ranges { SpoolEntry.append(acknowledged: range, to: &bytes) }
    for mark in ages { SpoolEntry.append(age: mark, to: &bytes) }
    for reason in LossReason.allCases {
      for range in lost[reason]?.ranges ?? [] {
        SpoolEntry.append(lost: range, reason, to: &bytes)
      }
    }
  }
}
