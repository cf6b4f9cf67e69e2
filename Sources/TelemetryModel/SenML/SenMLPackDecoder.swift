/// Decodes SenML packs in JSON (RFC 8428) one after another, without allocating for what it has
/// seen before.
///
/// One pass over the bytes fills `rows`, one a measurement: names and units are numbers of this
/// decoder's tables, strings and data stay in the message. Keep one decoder an event loop, not one
/// a connection: its tables are shared by all devices. When they overflow they are emptied between
/// packs and `generation` changes: whoever remembers numbers must forget them then.
package struct SenMLPackDecoder: Sendable {
  /// The pack's measurements in order; storage is reused by the next pack.
  package private(set) var rows: [SenMLRow] = []
  /// Changes when the numbers of names and units begin anew.
  package private(set) var generation: UInt64 = 0
  /// The most records a pack may have.
  package let maxRecords: Int

  private var names = NameTable()
  private var templates = RecordTemplates()
  private var units = UnitTable.registry
  private let initialUnits = UnitTable.registry

  /// The versions understood: up to 10 as in RFC 8428 §4.4, and 26, which is 10 with secondary
  /// units as a feature (RFC 9100). Secondary units are understood at any version.
  package static let versions = "1 to 10, and 26"

  /// A decoder whose packs may have so many records.
  package init(maxRecords: Int = 10_000) {
    self.maxRecords = maxRecords
  }

  /// Decodes one pack, which must be all there is in `bytes`, into `rows`.
  ///
  /// Relative times, which are those below 2^28 seconds (RFC 8428 §4.5.3), are relative to `now`.
  /// The first fault is thrown; `rows` is then of no use, the decoder is.
  package mutating func decode(_ bytes: Span<UInt8>, now: Timestamp) throws(SenMLError) {
    rows.removeAll(keepingCapacity: true)
    if names.isFull || units.isFull { forget() }
    guard bytes.count <= Int(UInt32.max) else {
      throw SenMLError(message: "a pack of more than 4 GiB")
    }
    var reader = JSONReader()
    var base = Base()
    base.setTime(0, now)
    var fields = SenMLFields()
    var index = 0
    var previous: UInt32 = 0
    do throws(JSONError) {
      try reader.enterArray(bytes)
    } catch {
      throw SenMLError(message: error.description)
    }
    while try nextRecord(&reader, bytes, index) {
      guard index < maxRecords else {
        throw SenMLError(message: "a pack of more than \(maxRecords) records")
      }
      if let name = takeExpected(&reader, bytes, index, base, now, after: previous) {
        previous = name
      } else {
        previous = try takeAny(&reader, bytes, index, &base, &fields, now, after: previous)
      }
      index += 1
    }
  }

  /// The resolved name with a number from `rows`.
  package func name(_ id: UInt32) -> String { names.strings[Int(id)] }

  /// The unit with a number from `rows`; nil for 0, which is no unit.
  package func unit(_ id: UInt16) -> String? { id == 0 ? nil : units.names[Int(id)] }

  /// What a row of the last pack says, with its text taken from the same bytes.
  package func value(of row: SenMLRow, in bytes: Span<UInt8>) -> SenMLValue? {
    switch row.kind {
    case .none: nil
    case .number: .number(row.number)
    case .bool: .bool(row.number != 0)
    // Both were checked when the row was made.
    case .string: .string((try? row.text.string(bytes)) ?? "")
    case .data: .data(Base64URL.decode(row.text, bytes) ?? [])
    }
  }

  /// A row of the last pack as a record of its own, with its text taken from the same bytes.
  package func record(_ row: SenMLRow, in bytes: Span<UInt8>) -> SenMLRecord {
    SenMLRecord(
      name: name(row.nameID), unit: unit(row.unitID), time: row.time,
      value: value(of: row, in: bytes), sum: row.sum, updateTimeSeconds: row.updateTimeSeconds)
  }

  /// The base fields in force (RFC 8428 §4.1): each holds until it is given again.
  private struct Base {
    var name: UInt32 = 0
    var unit: UInt16 = 0
    var time = 0.0
    /// The time of a record that has none of its own.
    var moment = Timestamp(microseconds: 0)
    var isRelative = false
    var value = 0.0
    var sum = 0.0
    /// 0 as long as no record has set it.
    var version = 0.0

    mutating func setTime(_ seconds: Double, _ now: Timestamp) {
      time = seconds
      (moment, isRelative) = SenMLPackDecoder.moment(seconds, now)
    }
  }

  /// 2^28 seconds are 8.5 years: below, a time is relative to now (RFC 8428 §4.5.3).
  @inline(__always)
  private static func moment(_ seconds: Double, _ now: Timestamp) -> (Timestamp, Bool) {
    seconds < 0x1p28
      ? (now + .fromSeconds(seconds), true) : (Timestamp(seconds: seconds), false)
  }

  @inline(__always)
  private func nextRecord(
    _ reader: inout JSONReader, _ bytes: Span<UInt8>, _ index: Int
  ) throws(SenMLError) -> Bool {
    do throws(JSONError) {
      if try reader.nextElement(bytes, first: index == 0) { return true }
      try reader.end(bytes)
      return false
    } catch {
      throw SenMLError(record: index, message: error.description)
    }
  }

  private mutating func forget() {
    names = NameTable()
    templates = RecordTemplates()
    units = initialUnits
    generation += 1
  }
}

extension SenMLPackDecoder {
  /// Takes the record that comes next if it begins as it did the last time: with the beginning that is
  /// expected after another record's or is known of its name, a number, and nothing else, or a time and
  /// a number. Returns its name; nil, with nothing taken, for all others.
  @inline(__always)
  private mutating func takeExpected(
    _ reader: inout JSONReader, _ bytes: Span<UInt8>, _ index: Int, _ base: Base, _ now: Timestamp,
    after previous: UInt32
  ) -> UInt32? {
    let start = reader.position
    var name = templates.next(after: previous)
    var found = name == 0 ? nil : templates.match(name, bytes, at: start, under: base.name)
    if found == nil, let written = nameWritten(at: start, bytes, under: base.name) {
      name = written
      found = templates.match(name, bytes, at: start, under: base.name)
      if found != nil { templates.follow(previous, by: name) }
    }
    guard let template = found else { return nil }
    reader.position = start &+ Int(template.count)
    var moment = (base.moment, base.isRelative)
    let value: Double
    do throws(JSONError) {
      if template.hasTime {
        moment = SenMLPackDecoder.moment(base.time + (try reader.number(bytes)), now)
        guard reader.takeLetterKey(bytes, after: UInt8(ascii: ",")) == UInt8(ascii: "v") else {
          reader.position = start
          return nil
        }
      }
      value = try reader.number(bytes)
    } catch {
      // What is wrong is said by whoever parses it whole.
      reader.position = start
      return nil
    }
    let entry = units.entries[Int(template.unit == 0 ? base.unit : template.unit)]
    let number = entry.convert(base.value + value)
    guard reader.position < bytes.count, bytes[reader.position] == UInt8(ascii: "}"),
      number.isFinite
    else {
      reader.position = start
      return nil
    }
    reader.position &+= 1
    var row = SenMLRow()
    row.record = UInt32(truncatingIfNeeded: index)
    row.nameID = name
    row.unitID = entry.resolved
    row.kind = .number
    row.time = moment.0
    if moment.1 { row.flags = SenMLRow.isRelative }
    row.number = number
    rows.append(row)
    return name
  }

  /// The number of the name with which the record at `start` begins, if it does and the name is known.
  @inline(__always)
  private mutating func nameWritten(
    at start: Int, _ bytes: Span<UInt8>, under base: UInt32
  ) -> UInt32? {
    var reader = JSONReader(at: start)
    guard reader.takeLetterKey(bytes, after: UInt8(ascii: "{")) == UInt8(ascii: "n"),
      let name = try? reader.string(bytes), !name.isEscaped, !name.range.isEmpty
    else { return nil }
    return names.find(bytes, name.range, under: base)
  }

  /// Takes the record that comes next, whatever it is; returns its name, 0 where it is one of base
  /// fields alone.
  @inline(never)
  private mutating func takeAny(
    _ reader: inout JSONReader, _ bytes: Span<UInt8>, _ index: Int, _ base: inout Base,
    _ fields: inout SenMLFields, _ now: Timestamp, after previous: UInt32
  ) throws(SenMLError) -> UInt32 {
    fields.reset()
    let start = reader.position
    do throws(JSONError) {
      try fields.read(&reader, bytes)
    } catch {
      throw SenMLError(record: index, field: fields.current?.label, message: error.description)
    }
    guard let (name, unit) = try resolve(&fields, bytes, index, &base, now) else { return 0 }
    if let (beginning, hasTime) = fields.beginning(from: start) {
      let own = fields.beforeValue & SenMLField.u.rawValue != 0
      // A unit that is given and empty would be taken for one that is not given.
      if !own || unit != 0 {
        templates.learn(
          name, bytes, beginning, under: base.name, unit: own ? unit : 0, hasTime: hasTime)
      }
    }
    templates.follow(previous, by: name)
    return name
  }

  /// Applies base fields to a record and appends its row; nil for a record of base fields alone,
  /// which has none. Returns the numbers of its name and of its unit as it was written.
  @inline(__always)
  private mutating func resolve(
    _ fields: inout SenMLFields, _ bytes: Span<UInt8>, _ index: Int, _ base: inout Base,
    _ now: Timestamp
  ) throws(SenMLError) -> (name: UInt32, unit: UInt16)? {
    if fields.fault != nil || fields.present & SenMLField.base != 0 {
      try check(fields, bytes, index)
      try rebase(fields, bytes, index, &base, now)
      if fields.present & ~SenMLField.base == 0 { return nil }
    }
    var row = SenMLRow()
    row.record = UInt32(truncatingIfNeeded: index)
    row.nameID = try nameID(fields.ownName, bytes, index, under: base.name, .n)
    let (moment, isRelative) =
      fields.has(.t)
      ? SenMLPackDecoder.moment(base.time + fields.time, now) : (base.moment, base.isRelative)
    row.time = moment
    if isRelative { row.flags = SenMLRow.isRelative }
    let unit =
      fields.has(.u)
      ? try unitID(fields.unit, bytes, index, .u) : base.unit
    let entry = units.entries[Int(unit)]
    row.unitID = entry.resolved
    switch fields.present & SenMLField.value {
    case SenMLField.v.rawValue:
      row.kind = .number
      row.number = entry.convert(base.value + fields.value)
    case SenMLField.vb.rawValue:
      row.kind = .bool
      row.number = fields.bool ? 1 : 0
    case SenMLField.vs.rawValue: try takeString(fields, bytes, index, &row)
    case SenMLField.vd.rawValue: try takeData(fields, bytes, index, &row)
    case 0:
      guard fields.has(.s) else {
        throw SenMLError(record: index, message: "there is neither a value nor a sum")
      }
    default:
      throw SenMLError(record: index, message: "there is more than one value")
    }
    if fields.has(.s) {
      guard entry.offset == 0 else {
        throw SenMLError(
          record: index, field: "s",
          message: "a sum in \(units.names[Int(unit)]) cannot be converted")
      }
      row.flags |= SenMLRow.hasSum
      row.rawSum = entry.convert(base.sum + fields.sum)
    }
    if fields.has(.ut) {
      row.flags |= SenMLRow.hasUpdateTime
      row.rawUpdateTime = fields.updateTime
    }
    guard row.number.isFinite, row.rawSum.isFinite else {
      throw SenMLError(record: index, message: "base field and field add up to infinity")
    }
    rows.append(row)
    return (row.nameID, unit)
  }

  @inline(__always)
  private mutating func nameID(
    _ span: JSONStringSpan, _ bytes: Span<UInt8>, _ index: Int, under base: UInt32,
    _ field: SenMLField
  ) throws(SenMLError) -> UInt32 {
    if !span.isEscaped, !span.range.isEmpty,
      let known = names.find(bytes, span.range, under: base)
    {
      return known
    }
    return try newNameID(span, bytes, index, under: base, field)
  }

  @inline(never)
  private mutating func newNameID(
    _ span: JSONStringSpan, _ bytes: Span<UInt8>, _ index: Int, under base: UInt32,
    _ field: SenMLField
  ) throws(SenMLError) -> UInt32 {
    // Without a name of its own, a record is called as its base name says.
    if span.range.isEmpty, base != NameTable.bases, base != 0 {
      do throws(NameError) {
        try NameRules.check(names.strings[Int(base)].utf8, limit: NameTable.maxNameBytes)
      } catch {
        throw SenMLError(record: index, field: field.label, message: error.description)
      }
      return base
    }
    let text: [UInt8]
    do throws(JSONError) {
      text = try span.unescaped(bytes)
    } catch {
      throw SenMLError(record: index, field: field.label, message: error.description)
    }
    if let known = names.find(text.span, 0..<text.count, under: base) { return known }
    do throws(NameError) {
      return try names.insert(text.span, under: base)
    } catch {
      throw SenMLError(record: index, field: field.label, message: error.description)
    }
  }

  @inline(__always)
  private mutating func unitID(
    _ span: JSONStringSpan, _ bytes: Span<UInt8>, _ index: Int, _ field: SenMLField
  ) throws(SenMLError) -> UInt16 {
    if !span.isEscaped, let known = units.find(bytes, span.range) { return known }
    return try newUnitID(span, bytes, index, field)
  }

  @inline(never)
  private mutating func newUnitID(
    _ span: JSONStringSpan, _ bytes: Span<UInt8>, _ index: Int, _ field: SenMLField
  ) throws(SenMLError) -> UInt16 {
    let unit: String
    do throws(JSONError) {
      unit = try span.string(bytes)
    } catch {
      throw SenMLError(record: index, field: field.label, message: error.description)
    }
    guard unit.utf8.count <= 64 else {
      throw SenMLError(record: index, field: field.label, message: "a unit of over 64 bytes")
    }
    return units.insert(unit)
  }

  /// What forbids the whole pack: fields twice or not understood, an unknown version.
  @inline(never)
  private func check(
    _ fields: SenMLFields, _ bytes: Span<UInt8>, _ index: Int
  ) throws(SenMLError) {
    if let fault = fields.fault {
      let label = (try? fault.label.string(bytes)) ?? "?"
      throw SenMLError(
        record: index, field: label,
        message: fault.isTwice
          ? "the field is there twice"
          : "the field must be understood and is not (RFC 8428 §4.4)")
    }
  }

  /// Takes over a record's base fields.
  @inline(never)
  private mutating func rebase(
    _ fields: SenMLFields, _ bytes: Span<UInt8>, _ index: Int, _ base: inout Base,
    _ now: Timestamp
  ) throws(SenMLError) {
    if fields.has(.bver) {
      let version = fields.version
      let isKnown = version == 26 || (version >= 1 && version <= 10 && version.rounded() == version)
      guard isKnown else {
        throw SenMLError(
          record: index, field: "bver",
          message: "version \(version) is not understood, only \(SenMLPackDecoder.versions)")
      }
      // All records of a pack have one version (RFC 8428 §4.4); without the field it is 10.
      let earlier = index == 0 ? version : base.version == 0 ? 10 : base.version
      guard version == earlier else {
        throw SenMLError(
          record: index, field: "bver", message: "the records of a pack differ in version")
      }
      base.version = version
    }
    if fields.has(.bn) {
      let isEmpty = fields.baseName.range.isEmpty
      base.name =
        isEmpty ? 0 : try nameID(fields.baseName, bytes, index, under: NameTable.bases, .bn)
    }
    if fields.has(.bu) { base.unit = try unitID(fields.baseUnit, bytes, index, .bu) }
    if fields.has(.bt) { base.setTime(fields.baseTime, now) }
    if fields.has(.bv) { base.value = fields.baseValue }
    if fields.has(.bs) { base.sum = fields.baseSum }
  }

  @inline(never)
  private func takeString(
    _ fields: SenMLFields, _ bytes: Span<UInt8>, _ index: Int, _ row: inout SenMLRow
  ) throws(SenMLError) {
    do throws(JSONError) {
      if fields.text.isEscaped || !fields.text.isASCII { try fields.text.check(bytes) }
    } catch {
      throw SenMLError(record: index, field: "vs", message: error.description)
    }
    row.kind = .string
    row.text = fields.text
  }

  @inline(never)
  private func takeData(
    _ fields: SenMLFields, _ bytes: Span<UInt8>, _ index: Int, _ row: inout SenMLRow
  ) throws(SenMLError) {
    guard Base64URL.decode(fields.text, bytes) != nil else {
      throw SenMLError(
        record: index, field: "vd", message: "not base64 in the URL-safe alphabet (RFC 4648 §5)")
    }
    row.kind = .data
    row.text = fields.text
  }
}
