extension SenMLPackDecoder {
  /// Takes the record that comes next, whatever it is; returns its name, 0 where it is one of base
  /// fields alone.
  @inline(never)
  mutating func takeAny(
    _ reader: inout JSONReader, _ bytes: Span<UInt8>, _ index: Int, _ base: inout SenMLBase,
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
    _ fields: inout SenMLFields, _ bytes: Span<UInt8>, _ index: Int, _ base: inout SenMLBase,
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
      ? SenMLBase.moment(base.time + fields.time, now) : (base.moment, base.isRelative)
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

  /// What forbids the whole pack: fields that are there twice, or not understood.
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
