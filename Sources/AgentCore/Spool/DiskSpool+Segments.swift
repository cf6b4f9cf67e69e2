import DeviceProtocol
import TelemetryModel

// How a spool on disk writes its segments.
extension DiskSpool {
  static func header(_ epoch: String) -> [UInt8] { Array("hawser-spool 1 \(epoch)\n".utf8) }

  /// Writes pending packs, what became of others, and the reservation, then makes it durable. On
  /// failure the file is as before and everything stays in memory.
  /// - Parameters:
  ///   - sequences: pending packs to be written.
  ///   - isExact: reserve no further numbers: the process ends, and none shall seem lost.
  /// - Throws: where storage failed.
  mutating func write(_ sequences: [UInt64], isExact: Bool = false) throws(SpoolFailure) {
    if activeBytes > limits.segmentBytes { try beginSegment() }
    if !sequences.isEmpty { try makeRoom(for: sequences) }
    guard let active = segments.indices.last else { return }
    let name = segments[active].name
    var bytes: [UInt8] = []
    var written: [(sequence: UInt64, location: Location)] = []
    for sequence in sequences {
      guard let pack = pending[sequence] else { continue }
      let location = Location(
        segment: name, offset: activeBytes + bytes.count, bytes: pack.count)
      SpoolEntry.append(pack: pack, sequence: sequence, to: &bytes)
      written.append((sequence, location))
    }
    unwritten.append(to: &bytes)
    let last = ledger.nextSequence - 1
    let isUsedUp = last + 1 + limits.reservedNumbers / 2 > reservedUpTo
    let reservation = isExact ? last : isUsedUp ? last + limits.reservedNumbers : reservedUpTo
    if reservation != reservedUpTo {
      SpoolEntry.append(reservedUpTo: reservation, to: &bytes)
    }
    guard !bytes.isEmpty else { return }
    do throws(SpoolFailure) {
      try append(bytes, to: name)
    } catch {
      // Half an entry must not stand before the next whole one.
      try? folder.truncate(name, to: activeBytes)
      throw error
    }
    activeBytes += bytes.count
    unwritten = SpoolNotes()
    reservedUpTo = reservation
    for (sequence, location) in written {
      pending.removeValue(forKey: sequence)
      locations[sequence] = location
    }
    segments[active].stored += written.count
  }

  /// Begins a segment with everything that must be known without the older ones: what is
  /// acknowledged, lost and reserved. From then on each older file may go as soon as it is empty.
  mutating func beginSegment() throws(SpoolFailure) {
    let name = Self.name(after: segments.last?.name)
    var bytes = Self.header(epoch)
    for range in ledger.acknowledged.ranges {
      SpoolEntry.append(acknowledged: range, to: &bytes)
    }
    for gap in ledger.gaps {
      if let reason = LossReason(rawValue: gap.reason) {
        SpoolEntry.append(lost: gap.range, reason, to: &bytes)
      }
    }
    ages.forget(before: ledger.oldestStored ?? ledger.nextSequence)
    for mark in ages.marks { SpoolEntry.append(age: mark, to: &bytes) }
    let reservation = max(reservedUpTo, ledger.nextSequence - 1)
    SpoolEntry.append(reservedUpTo: reservation, to: &bytes)
    do throws(SpoolFailure) {
      try append(bytes, to: name)
    } catch {
      try? folder.remove(name)
      throw error
    }
    reservedUpTo = reservation
    unwritten = SpoolNotes()
    segments.append((name, 0))
    activeBytes = bytes.count
    removeEmptySegments()
  }

  private mutating func append(_ bytes: [UInt8], to name: String) throws(SpoolFailure) {
    wear.bytes += bytes.count
    try folder.append(bytes, to: name)
    wear.syncs += 1
    try folder.sync(name)
  }

  /// Leaves the disk's last free bytes to others: what is to be written takes the place of the
  /// oldest, a file at a time. Notes and reservations, some bytes a minute, are always written.
  private mutating func makeRoom(for sequences: [UInt64]) throws(SpoolFailure) {
    guard limits.minFreeBytes > 0 else { return }
    let wanted = sequences.reduce(0) { $0 + (pending[$1]?.count ?? 0) }
    while try folder.freeBytes() - wanted < limits.minFreeBytes {
      guard segments.count > 1, let oldest = segments.first?.name else {
        throw SpoolFailure("less than \(limits.minFreeBytes) bytes of the disk are free")
      }
      for (sequence, location) in locations where location.segment == oldest {
        giveUp(sequence, reason: .diskFull)
      }
      try write([])
      removeEmptySegments()
      guard segments.first?.name != oldest else {
        throw SpoolFailure("\(oldest) cannot be deleted")
      }
    }
  }

  /// Deletes files without stored packs. What they said of others is in the newest segment.
  mutating func removeEmptySegments() {
    guard unwritten.isEmpty else { return }
    for segment in segments.dropLast() where segment.stored == 0 {
      // One that cannot be deleted is tried again at the next flush.
      guard (try? folder.remove(segment.name)) != nil else { continue }
      segments.removeAll { $0.name == segment.name }
    }
  }

  private static func name(after name: String?) -> String {
    let number = name.flatMap { UInt64($0.prefix(12)) } ?? 0
    let digits = String(number + 1)
    return String(repeating: "0", count: max(12 - digits.count, 0)) + digits + ".segment"
  }
}

/// What the segments of a folder say, after repair.
struct SpoolRecovery {
  private(set) var epoch: String?
  private(set) var ledger = SpoolLedger()
  private(set) var locations: [UInt64: DiskSpool.Location] = [:]
  private(set) var segments: [String] = []
  /// Losses that this recovery found, not in any file yet.
  private(set) var crashed = SequenceRanges()
  private(set) var marks: [SpoolAges.Mark] = []
  private var acknowledged = SequenceRanges()
  private var lost: [LossReason: SequenceRanges] = [:]
  private var reservedUpTo: UInt64 = 0
  private var lastPack: UInt64 = 0

  init(_ folder: any SpoolFolder) throws(SpoolFailure) {
    // Newest first: it tells the epoch; a file of another one is left from long ago.
    for name in try folder.names().reversed() where name.hasSuffix(".segment") {
      let bytes = try folder.read(name, from: 0, count: .max)
      guard let start = header(of: bytes) else {
        // The crash came while the segment began: nothing but its beginning was in it.
        try folder.remove(name)
        continue
      }
      segments.insert(name, at: 0)
      let end = read(bytes, from: start, of: name)
      // A torn tail; what is behind it was never acknowledged to anybody.
      if end < bytes.count { try folder.truncate(name, to: end) }
    }
    settle()
  }

  private mutating func header(of bytes: [UInt8]) -> Int? {
    let mark = Array("hawser-spool 1 ".utf8)
    guard bytes.starts(with: mark), let end = bytes.firstIndex(of: UInt8(ascii: "\n")) else {
      return nil
    }
    // A segment has begun once its reservation, the last of its first entries, is there.
    var position = end + 1
    while let (entry, next) = SpoolEntry.read(bytes, at: position) {
      if case .reserved = entry {
        let found = String(decoding: bytes[mark.count..<end], as: UTF8.self)
        if epoch == nil { epoch = found }
        return epoch == found ? end + 1 : nil
      }
      position = next
    }
    return nil
  }

  private mutating func read(_ bytes: [UInt8], from start: Int, of name: String) -> Int {
    var position = start
    while let (entry, end) = SpoolEntry.read(bytes, at: position) {
      switch entry {
      case .pack(let sequence, let body):
        locations[sequence] = DiskSpool.Location(
          segment: name, offset: position, bytes: body.count)
        lastPack = max(lastPack, sequence)
      case .acknowledged(let range): acknowledged.insert(range)
      case .age(let mark): marks.append(mark)
      case .lost(let range, let reason): lost[reason, default: SequenceRanges()].insert(range)
      case .reserved(let upTo):
        // The newest segment is read first; within one, the last word counts, which on an orderly
        // end is smaller than the reservation before.
        if segments.first == name && segments.count == 1 { reservedUpTo = upTo }
      }
      position = end
    }
    return position
  }

  /// Puts every number that may have been given out into one of the three states.
  private mutating func settle() {
    var gone = acknowledged
    for ranges in lost.values { gone.merge(ranges) }
    for sequence in locations.keys where gone.contains(sequence) {
      locations.removeValue(forKey: sequence)
    }
    for reason in lost.keys {
      for range in acknowledged.ranges { lost[reason]?.remove(range) }
    }
    let last = max(reservedUpTo, lastPack, gone.last ?? 0)
    let stored = SequenceRanges(locations.keys.sorted().map { SequenceRange($0) })
    gone.merge(stored)
    if let all = SequenceRange(from: 1, to: last) {
      crashed = gone.missing(in: all)
      lost[.crashed, default: SequenceRanges()].merge(crashed)
    }
    // Files were read newest first, and each begins with marks of those before it.
    marks.sort { ($0.sequence, $0.time) < ($1.sequence, $1.time) }
    ledger = SpoolLedger(nextSequence: last + 1, stored: stored, lost: lost)
  }
}
