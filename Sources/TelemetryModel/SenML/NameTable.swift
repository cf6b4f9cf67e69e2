/// Resolved names as small numbers, found by base name and name without building a string.
///
/// A pack of a device repeats the names of the one before it, so the usual case is: hash the bytes
/// of `n` where they stand in the message, compare them with the bytes known, done. Only a name
/// never seen is put together, checked against RFC 8428 §4.5.1 and kept. Numbers are per table.
struct NameTable: Sendable {
  /// The most bytes a resolved name may have: a device's name, a separator and a metric's name.
  static let maxNameBytes = DeviceID.maxBytes + 1 + MetricName.maxBytes
  /// Beyond so many, all are forgotten between packs.
  static let maxEntries = 65_536

  private struct Slot: Sendable {
    var hash: UInt64 = 0
    var id: UInt32 = 0
    var base: UInt32 = 0
    var start: UInt32 = 0
    var count: UInt32 = 0
  }

  /// The names by number; 0 is the empty one.
  private(set) var strings: [String] = [""]
  private var slots: [Slot]
  private var used = 0
  /// The bytes of every `n` and base name, followed by eight zeros to let words be loaded.
  private var arena: [UInt8] = Array(repeating: 0, count: 8)
  private var idsByString: [String: UInt32] = [:]
  private let seed: UInt64

  /// An empty table. The seed makes it hard to choose names that collide.
  init(seed: UInt64 = .random(in: 0...UInt64.max)) {
    self.seed = seed | 1
    slots = Array(repeating: Slot(), count: 128)
  }

  var isFull: Bool { used >= NameTable.maxEntries }

  /// The namespace in which base names themselves are kept.
  static let bases = UInt32.max

  /// The number of the name written in a part of `bytes` under a base name's number, if known.
  @inline(__always)
  func find(_ bytes: Span<UInt8>, _ range: Range<Int>, under base: UInt32) -> UInt32? {
    let hash = self.hash(bytes, range, base)
    let mask = slots.count &- 1
    var index = Int(truncatingIfNeeded: hash &>> 32) & mask
    while true {
      let slot = slots[index]
      if slot.id == 0 { return nil }
      if slot.hash == hash, slot.base == base, Int(slot.count) == range.count,
        isEqual(bytes, range, Int(slot.start))
      {
        return slot.id
      }
      index = (index &+ 1) & mask
    }
  }

  /// Makes the name known and tells its number.
  ///
  /// - Throws: what is wrong with the whole name; base names alone are only limited in length.
  mutating func insert(_ bytes: Span<UInt8>, under base: UInt32) throws(NameError) -> UInt32 {
    let isBase = base == NameTable.bases
    var whole: [UInt8] = isBase ? [] : Array(strings[Int(base)].utf8)
    for index in 0..<bytes.count { whole.append(bytes[index]) }
    if isBase {
      guard whole.count <= NameTable.maxNameBytes else {
        throw .tooLong(bytes: whole.count, limit: NameTable.maxNameBytes)
      }
      if let bad = whole.firstIndex(where: { !NameRules.isInside($0) }) {
        throw .badCharacter(offset: bad)
      }
      if let first = whole.first, !NameRules.isStart(first) { throw .badStart }
    } else {
      try NameRules.check(whole, limit: NameTable.maxNameBytes)
    }
    let string = String(decoding: whole, as: UTF8.self)
    let id = idsByString[string] ?? UInt32(truncatingIfNeeded: strings.count)
    if Int(id) == strings.count {
      strings.append(string)
      idsByString[string] = id
    }
    let start = arena.count - 8
    arena.removeLast(8)
    for index in 0..<bytes.count { arena.append(bytes[index]) }
    arena.append(contentsOf: repeatElement(0, count: 8))
    place(
      Slot(
        hash: hash(bytes, 0..<bytes.count, base), id: id, base: base,
        start: UInt32(truncatingIfNeeded: start),
        count: UInt32(truncatingIfNeeded: bytes.count)))
    return id
  }

  private mutating func place(_ slot: Slot) {
    if 2 * (used + 1) > slots.count {
      let old = slots
      slots = Array(repeating: Slot(), count: 2 * old.count)
      used = 0
      for slot in old where slot.id != 0 { place(slot) }
    }
    let mask = slots.count - 1
    var index = Int(truncatingIfNeeded: slot.hash >> 32) & mask
    while slots[index].id != 0 { index = (index + 1) & mask }
    slots[index] = slot
    used += 1
  }

  @inline(__always)
  private func hash(_ bytes: Span<UInt8>, _ range: Range<Int>, _ base: UInt32) -> UInt64 {
    var hash = seed &+ UInt64(base) &* 0x9E37_79B9_7F4A_7C15
    var offset = range.lowerBound
    while range.upperBound &- offset > 8 {
      hash = mix(hash ^ word(bytes, at: offset))
      offset &+= 8
    }
    hash = mix(hash ^ word(bytes, at: offset, count: range.upperBound &- offset))
    return hash ^ UInt64(truncatingIfNeeded: range.count)
  }

  @inline(__always)
  private func mix(_ value: UInt64) -> UInt64 {
    let product = value.multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
    return product.high ^ product.low
  }

  @inline(__always)
  private func isEqual(_ bytes: Span<UInt8>, _ range: Range<Int>, _ start: Int) -> Bool {
    let known = arena.span
    var offset = range.lowerBound
    var place = start
    while range.upperBound &- offset > 8 {
      guard word(bytes, at: offset) == word(known, at: place) else { return false }
      offset &+= 8
      place &+= 8
    }
    // The arena ends in eight zeros, so that its words can always be loaded whole.
    let rest = range.upperBound &- offset
    return word(bytes, at: offset, count: rest) == word(known, at: place, count: rest)
  }
}
