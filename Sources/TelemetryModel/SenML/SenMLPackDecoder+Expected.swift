extension SenMLPackDecoder {
  /// Takes the record that comes next if it begins as it did the last time: with the beginning that is
  /// expected after another record's or is known of its name, a number, and nothing else, or a time and
  /// a number. Returns its name; nil, with nothing taken, for all others.
  @inline(__always)
  mutating func takeExpected(
    _ reader: inout JSONReader, _ bytes: Span<UInt8>, _ index: Int, _ base: SenMLBase,
    _ now: Timestamp, after previous: UInt32
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
        moment = SenMLBase.moment(base.time + (try reader.number(bytes)), now)
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
}
