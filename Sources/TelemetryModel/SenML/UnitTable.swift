/// Units as small numbers, found by their bytes: 0 is no unit, then the registry, then whatever
/// else devices have sent.
///
/// All registered units have at most eight bytes, so that one machine word is the whole key.
struct UnitTable: Sendable {
  struct Entry: Sendable, BitwiseCopyable {
    /// The base unit's number; the unit's own where it is none of RFC 8798's secondary ones.
    var resolved: UInt16
    /// Whether `scale` and `divisor` do anything: a division costs more than all else here.
    var isScaled = false
    var scale = 1.0
    var divisor = 1.0
    var offset = 0.0

    /// A value in the base unit.
    @inline(__always)
    func convert(_ value: Double) -> Double {
      (isScaled ? value * scale / divisor : value) + offset
    }
  }

  /// More different unregistered units than this are forgotten between packs.
  static let maxEntries = 4096

  private(set) var entries: [Entry] = [Entry(resolved: 0)]
  private(set) var names = [""]
  private var keys: [UInt64]
  private var ids: [UInt16]
  private var longUnits: [String: UInt16] = [:]

  /// The registry alone.
  static let registry = UnitTable()

  private init() {
    keys = Array(repeating: 0, count: 2 * UnitTable.maxEntries)
    ids = Array(repeating: 0, count: 2 * UnitTable.maxEntries)
    for unit in SenMLUnits.primary { _ = insert(unit) }
    for (unit, conversion) in SenMLUnits.secondary {
      let id = insert(unit)
      let base = names.firstIndex(of: conversion.base) ?? Int(id)
      entries[Int(id)].resolved = UInt16(truncatingIfNeeded: base)
      entries[Int(id)].isScaled = conversion.scale != 1 || conversion.divisor != 1
      entries[Int(id)].scale = conversion.scale
      entries[Int(id)].divisor = conversion.divisor
      entries[Int(id)].offset = conversion.offset
    }
  }

  var isFull: Bool { entries.count >= UnitTable.maxEntries }

  /// The number of the unit written in a part of `bytes`, if it is known and has at most eight
  /// bytes.
  @inline(__always)
  func find(_ bytes: Span<UInt8>, _ range: Range<Int>) -> UInt16? {
    guard range.count <= 8, !range.isEmpty else { return range.isEmpty ? 0 : nil }
    let key = word(bytes, at: range.lowerBound, count: range.count)
    var slot = UnitTable.slot(of: key)
    while ids[slot] != 0 {
      if keys[slot] == key { return ids[slot] }
      slot = (slot &+ 1) & (2 * UnitTable.maxEntries - 1)
    }
    return nil
  }

  /// The number of `unit`, new or known; the number of "no unit" for an empty one.
  mutating func insert(_ unit: String) -> UInt16 {
    if unit.isEmpty { return 0 }
    let utf8 = Array(unit.utf8)
    if let known = utf8.count <= 8
      ? find(utf8.span, 0..<utf8.count) : longUnits[unit]
    {
      return known
    }
    guard !isFull else { return 0 }
    let id = UInt16(truncatingIfNeeded: entries.count)
    entries.append(Entry(resolved: id))
    names.append(unit)
    guard utf8.count <= 8 else {
      longUnits[unit] = id
      return id
    }
    let key = word(utf8.span, at: 0, count: utf8.count)
    var slot = UnitTable.slot(of: key)
    while ids[slot] != 0 { slot = (slot + 1) & (2 * UnitTable.maxEntries - 1) }
    keys[slot] = key
    ids[slot] = id
    return id
  }

  private static func slot(of key: UInt64) -> Int {
    Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 51)
  }
}
