/// Writes resolved records as a compact SenML pack in JSON (RFC 8428), straight into bytes.
///
/// What all records share is written once: the beginning of their names as `bn`, the first
/// record's time as `bt`, the commonest unit as `bu` where every record has a unit and it saves
/// bytes. Decoding gives the same records, times to the microsecond.
package struct SenMLEncoder {
  /// Appends the pack.
  ///
  /// - Parameters:
  ///   - records: numbers in them must be finite (others are written as `null`, which no decoder
  ///     accepts) and names valid.
  ///   - now: nil writes absolute times. A device without a set clock gives the time of its own
  ///     clock at which it sends; times are then written relative to it (RFC 8428 §4.5.3). A
  ///     record more than 2^28 s (8.5 years) ahead of it, or absolute and before July 1978, cannot
  ///     be expressed in SenML and is read back as something else.
  ///   - bytes: what the pack is appended to.
  package static func encode(
    _ records: [SenMLRecord], relativeTo now: Timestamp? = nil, into bytes: inout [UInt8]
  ) {
    bytes.append(UInt8(ascii: "["))
    if let first = records.first {
      let shared = Shared(records, now)
      bytes.append(UInt8(ascii: "{"))
      var isFirst = true
      shared.write(&bytes, &isFirst)
      write(first, shared, &isFirst, &bytes)
      for record in records.dropFirst() {
        bytes.append(contentsOf: ",{".utf8)
        isFirst = true
        write(record, shared, &isFirst, &bytes)
      }
    }
    bytes.append(UInt8(ascii: "]"))
  }

  /// The base fields of a pack.
  private struct Shared {
    var nameBytes: Int
    var name: String
    var unit: String?
    /// The base time in microseconds, absolute or relative as all times of the pack.
    var time: Int64
    /// What is taken off every time: the sender's clock if times are relative.
    var origin: Int64

    init(_ records: [SenMLRecord], _ now: Timestamp?) {
      let firstName = records[0].name
      var prefix = firstName.utf8.count
      for record in records.dropFirst() where prefix > 0 {
        prefix = commonPrefix(record.name, firstName, limit: prefix)
      }
      // `"bn":"",` costs eight bytes, and each further record saves the prefix.
      if records.count > 1, prefix * (records.count - 1) <= 8 { prefix = 0 }
      if records.count == 1 { prefix = 0 }
      nameBytes = prefix
      name = String(decoding: firstName.utf8.prefix(prefix), as: UTF8.self)
      unit = Shared.commonUnit(records)
      origin = now?.microseconds ?? 0
      time = records[0].time.microseconds.subtractingSaturating(origin)
    }

    func write(_ bytes: inout [UInt8], _ isFirst: inout Bool) {
      if nameBytes > 0 {
        label("bn", &isFirst, &bytes)
        appendQuoted(name, &bytes)
      }
      if time != 0 {
        label("bt", &isFirst, &bytes)
        appendSeconds(microseconds: time, &bytes)
      }
      if let unit {
        label("bu", &isFirst, &bytes)
        appendQuoted(unit, &bytes)
      }
    }

    private static func commonUnit(_ records: [SenMLRecord]) -> String? {
      var counts: [String: Int] = [:]
      for record in records {
        // There is no way to say "no unit" under a base unit.
        guard let unit = record.unit, !unit.isEmpty else { return nil }
        counts[unit, default: 0] += 1
      }
      let most = counts.max { ($0.value, $1.key) < ($1.value, $0.key) }
      return most.flatMap { $0.value > 1 ? $0.key : nil }
    }
  }

  private static func write(
    _ record: SenMLRecord, _ shared: Shared, _ isFirst: inout Bool, _ bytes: inout [UInt8]
  ) {
    if record.name.utf8.count > shared.nameBytes {
      label("n", &isFirst, &bytes)
      bytes.append(UInt8(ascii: "\""))
      // Names have no characters to escape.
      bytes.append(contentsOf: record.name.utf8.dropFirst(shared.nameBytes))
      bytes.append(UInt8(ascii: "\""))
    }
    if let unit = record.unit, unit != shared.unit {
      label("u", &isFirst, &bytes)
      appendQuoted(unit, &bytes)
    }
    let time = record.time.microseconds
      .subtractingSaturating(shared.origin).subtractingSaturating(shared.time)
    if time != 0 {
      label("t", &isFirst, &bytes)
      appendSeconds(microseconds: time, &bytes)
    }
    switch record.value {
    case .number(let value):
      label("v", &isFirst, &bytes)
      appendNumber(value, &bytes)
    case .string(let value):
      label("vs", &isFirst, &bytes)
      appendQuoted(value, &bytes)
    case .bool(let value):
      label("vb", &isFirst, &bytes)
      bytes.append(contentsOf: value ? "true".utf8 : "false".utf8)
    case .data(let value):
      label("vd", &isFirst, &bytes)
      bytes.append(UInt8(ascii: "\""))
      Base64URL.encode(value, &bytes)
      bytes.append(UInt8(ascii: "\""))
    case nil: break
    }
    if let sum = record.sum {
      label("s", &isFirst, &bytes)
      appendNumber(sum, &bytes)
    }
    if let updateTime = record.updateTimeSeconds {
      label("ut", &isFirst, &bytes)
      appendNumber(updateTime, &bytes)
    }
    bytes.append(UInt8(ascii: "}"))
  }

  private static func label(
    _ label: StaticString, _ isFirst: inout Bool, _ bytes: inout [UInt8]
  ) {
    if !isFirst { bytes.append(UInt8(ascii: ",")) }
    isFirst = false
    bytes.append(UInt8(ascii: "\""))
    label.withUTF8Buffer { bytes.append(contentsOf: $0) }
    bytes.append(UInt8(ascii: "\""))
    bytes.append(UInt8(ascii: ":"))
  }

  /// How many bytes two names share at their beginning, `limit` at most.
  private static func commonPrefix(_ left: String, _ right: String, limit: Int) -> Int {
    var count = 0
    for (a, b) in zip(left.utf8, right.utf8) {
      guard count < limit, a == b else { break }
      count += 1
    }
    return count
  }
}

extension Int64 {
  fileprivate func subtractingSaturating(_ other: Int64) -> Int64 {
    let (difference, overflow) = subtractingReportingOverflow(other)
    guard overflow else { return difference }
    return self < other ? .min : .max
  }
}
