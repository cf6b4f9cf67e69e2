/// The fields of a record that RFC 8428 §4 defines, and the bit of each in a record's mask.
enum SenMLField: UInt16, CaseIterable {
  case bn = 0x0001
  case bt = 0x0002
  case bu = 0x0004
  case bv = 0x0008
  case bs = 0x0010
  case bver = 0x0020
  case n = 0x0040
  case u = 0x0080
  case v = 0x0100
  case vs = 0x0200
  case vb = 0x0400
  case vd = 0x0800
  case s = 0x1000
  case t = 0x2000
  case ut = 0x4000

  static let base: UInt16 = 0x003F
  static let value: UInt16 = 0x0F00

  /// The field with this label, or nil for one of somebody's extension.
  @inline(__always)
  init?(_ label: Span<UInt8>) {
    switch label.count {
    case 1:
      switch label[0] {
      case UInt8(ascii: "n"): self = .n
      case UInt8(ascii: "u"): self = .u
      case UInt8(ascii: "v"): self = .v
      case UInt8(ascii: "t"): self = .t
      case UInt8(ascii: "s"): self = .s
      default: return nil
      }
    case 2:
      switch (label[0], label[1]) {
      case (UInt8(ascii: "b"), UInt8(ascii: "n")): self = .bn
      case (UInt8(ascii: "b"), UInt8(ascii: "t")): self = .bt
      case (UInt8(ascii: "b"), UInt8(ascii: "u")): self = .bu
      case (UInt8(ascii: "b"), UInt8(ascii: "v")): self = .bv
      case (UInt8(ascii: "b"), UInt8(ascii: "s")): self = .bs
      case (UInt8(ascii: "v"), UInt8(ascii: "s")): self = .vs
      case (UInt8(ascii: "v"), UInt8(ascii: "b")): self = .vb
      case (UInt8(ascii: "v"), UInt8(ascii: "d")): self = .vd
      case (UInt8(ascii: "u"), UInt8(ascii: "t")): self = .ut
      default: return nil
      }
    case 4:
      guard matches("bver", label, at: 0) else { return nil }
      self = .bver
    default: return nil
    }
  }

  var label: String { "\(self)" }
}

/// What stands in one record, as written: base fields not applied, strings still in the message.
///
/// One is used for all records of a pack: what is not `present` is left from an earlier record.
struct SenMLFields {
  /// One bit for every field that is there.
  var present: UInt16 = 0
  /// The field being read, for messages of errors.
  var current: SenMLField?
  /// A field that forbids the pack: one that is there twice, or one nobody here understands though
  /// its label ends in `_` (RFC 8428 §4.4).
  var fault: (label: JSONStringSpan, isTwice: Bool)?

  /// Where the value begins, and which fields stand before it; only where `v` is there.
  var valueStart = 0
  var beforeValue: UInt16 = 0
  /// Where the time stands, and which fields stand before it; only where `t` is there.
  var timeRange = 0..<0
  var beforeTime: UInt16 = 0

  var baseName = SenMLFields.noString
  var name = SenMLFields.noString
  var baseUnit = SenMLFields.noString
  var unit = SenMLFields.noString
  /// The string of `vs` or `vd`.
  var text = SenMLFields.noString
  var baseTime = 0.0
  var baseValue = 0.0
  var baseSum = 0.0
  var version = 0.0
  var value = 0.0
  var bool = false
  var sum = 0.0
  var time = 0.0
  var updateTime = 0.0

  static let noString = JSONStringSpan(range: 0..<0, isEscaped: false, isASCII: true)

  @inline(__always)
  func has(_ field: SenMLField) -> Bool { present & field.rawValue != 0 }

  /// The record's name without its base name; empty where there is none.
  @inline(__always)
  var ownName: JSONStringSpan { has(.n) ? name : SenMLFields.noString }

  /// The beginning of the record that began at `start`, as far as it may be expected again: up to the
  /// value, or up to a time that stands right before it, behind a name and at most a unit. Nil for all
  /// other records.
  @inline(__always)
  func beginning(from start: Int) -> (range: Range<Int>, hasTime: Bool)? {
    guard has(.v) else { return nil }
    let own = SenMLField.n.rawValue
    let ignored = ~SenMLField.u.rawValue
    if beforeValue & ignored == own { return (start..<valueStart, false) }
    guard beforeValue == beforeTime | SenMLField.t.rawValue, beforeTime & ignored == own,
      valueStart == timeRange.upperBound + JSONReader.letterKeyBytes
    else { return nil }
    return (start..<timeRange.lowerBound, true)
  }

  /// Forgets the record before.
  @inline(__always)
  mutating func reset() {
    present = 0
    current = nil
  }

  /// Reads the record that comes next.
  @inline(__always)
  mutating func read(_ reader: inout JSONReader, _ bytes: Span<UInt8>) throws(JSONError) {
    var first = true
    while true {
      let mark = first ? UInt8(ascii: "{") : UInt8(ascii: ",")
      if let letter = reader.takeLetterKey(bytes, after: mark),
        try readCommon(letter, &reader, bytes)
      {
        first = false
        continue
      }
      if first { try reader.enterObject(bytes) }
      guard let label = try reader.nextKey(bytes, first: first) else { break }
      first = false
      try readAny(label, &reader, bytes)
    }
    current = nil
  }

  /// Reads the field with a label of one letter, if it is there for the first time. False, with the
  /// reader where it was before the label, for all others.
  @inline(__always)
  private mutating func readCommon(
    _ letter: UInt8, _ reader: inout JSONReader, _ bytes: Span<UInt8>
  ) throws(JSONError) -> Bool {
    switch letter {
    case UInt8(ascii: "v") where !has(.v):
      current = .v
      beforeValue = present
      valueStart = reader.position
      present |= SenMLField.v.rawValue
      value = try reader.number(bytes)
    case UInt8(ascii: "n") where !has(.n):
      current = .n
      present |= SenMLField.n.rawValue
      name = try reader.string(bytes)
    case UInt8(ascii: "t") where !has(.t):
      current = .t
      beforeTime = present
      let start = reader.position
      present |= SenMLField.t.rawValue
      time = try reader.number(bytes)
      timeRange = start..<reader.position
    case UInt8(ascii: "u") where !has(.u):
      current = .u
      present |= SenMLField.u.rawValue
      unit = try reader.string(bytes)
    default:
      reader.position &-= JSONReader.letterKeyBytes
      return false
    }
    return true
  }

  /// Reads the field with any label.
  @inline(never)
  private mutating func readAny(
    _ label: JSONStringSpan, _ reader: inout JSONReader, _ bytes: Span<UInt8>
  ) throws(JSONError) {
    guard let field = try SenMLFields.field(label, bytes) else {
      current = nil
      if try SenMLFields.mustBeUnderstood(label, bytes) { fault = (label, false) }
      try reader.skip(bytes)
      return
    }
    current = field
    if has(field) { fault = (label, true) }
    // What was found here is not to be taken for something behind a usual beginning.
    if field == .v { beforeValue = SenMLField.base }
    if field == .t { beforeTime = SenMLField.base }
    present |= field.rawValue
    try read(field, &reader, bytes)
  }

  @inline(__always)
  private mutating func read(
    _ field: SenMLField, _ reader: inout JSONReader, _ bytes: Span<UInt8>
  ) throws(JSONError) {
    switch field {
    case .n: name = try reader.string(bytes)
    case .v: value = try reader.number(bytes)
    case .u: unit = try reader.string(bytes)
    case .t: time = try reader.number(bytes)
    case .vs, .vd: text = try reader.string(bytes)
    case .vb: bool = try reader.bool(bytes)
    case .s: sum = try reader.number(bytes)
    case .ut: updateTime = try reader.number(bytes)
    case .bn: baseName = try reader.string(bytes)
    case .bt: baseTime = try reader.number(bytes)
    case .bu: baseUnit = try reader.string(bytes)
    case .bv: baseValue = try reader.number(bytes)
    case .bs: baseSum = try reader.number(bytes)
    case .bver: version = try reader.number(bytes)
    }
  }

  @inline(__always)
  private static func field(
    _ label: JSONStringSpan, _ bytes: Span<UInt8>
  ) throws(JSONError) -> SenMLField? {
    guard label.isEscaped else { return SenMLField(bytes.extracting(label.range)) }
    // Bound to a name first: Swift 6.3's debug builds break on the span of a temporary here.
    let text = try label.unescaped(bytes)
    return SenMLField(text.span)
  }

  @inline(never)
  private static func mustBeUnderstood(
    _ label: JSONStringSpan, _ bytes: Span<UInt8>
  ) throws(JSONError) -> Bool {
    try label.string(bytes).hasSuffix("_")
  }
}
