import BrokerCore
import TelemetryModel

/// Writes an answer piece by piece, in the form asked for: what stands before the rows, rows, and
/// what stands behind them. A pure value; bytes are taken out as they are made.
struct HistoryDocument {
  /// What rows are about.
  struct Subject {
    /// The device; nil for a group.
    var device: DeviceID?
    var metric: MetricName
    var unit: String?
    /// The values of the labels that the group was made by, in their order.
    var group: [String?] = []
  }

  let query: HistoryQuery
  private var json = JSONWriter()
  private let subjects: [SeriesID: Subject]
  private var lastSeries: SeriesID?
  private var baseTime = Timestamp(microseconds: 0)

  init(
    _ query: HistoryQuery, series: [Series], groups: SeriesGroups?,
    labels: (DeviceID) -> [String: String]
  ) {
    self.query = query
    if let groups {
      subjects = Dictionary(
        uniqueKeysWithValues: groups.all.map { group in
          let subject = Subject(
            metric: group.metric, unit: group.unit, group: group.labels.map(\.value))
          return (group.id, subject)
        })
    } else {
      subjects = Dictionary(
        uniqueKeysWithValues: series.map {
          ($0.id, Subject(device: $0.device, metric: $0.metric, unit: $0.unit))
        })
    }
    switch query.format {
    case .json: beginJSON(series, groups, labels)
    case .csv: beginCSV()
    case .senML: json.beginArray()
    }
  }

  /// What was written since the last call.
  mutating func take() -> [UInt8] {
    var bytes: [UInt8] = []
    swap(&bytes, &json.bytes)
    return bytes
  }

  mutating func write(_ rows: [HistoryRow]) {
    for row in rows {
      switch query.format {
      case .json: writeJSON(row)
      case .csv: writeCSV(row)
      case .senML: writeSenML(row)
      }
    }
  }

  /// Ends the document. Where a table or a pack goes on is told beside it, by a trailer field.
  mutating func end(gaps: [StoredGap], next: String?) {
    switch query.format {
    case .json: endJSON(gaps, next)
    case .csv: break
    case .senML: json.endArray()
    }
  }

  // MARK: - JSON

  private mutating func beginJSON(
    _ series: [Series], _ groups: SeriesGroups?, _ labels: (DeviceID) -> [String: String]
  ) {
    json.beginObject()
    json.key("resolution")
    json.write(query.resolution.rawValue)
    json.key("from")
    json.write(query.from)
    json.key("to")
    json.write(query.to)
    json.key("series")
    json.array { json in
      if let groups {
        for group in groups.all {
          json.element()
          SeriesJSON.write(group, to: &json)
        }
      } else {
        for series in series {
          json.element()
          SeriesJSON.write(series, labels: labels(series.device), to: &json)
        }
      }
    }
    let columns = ["series"] + columns
    json.key("columns")
    json.array { json in
      for column in columns {
        json.element()
        json.write(column)
      }
    }
    json.key("rows")
    json.beginArray()
  }

  /// The columns behind what a row is about.
  private var columns: [String] {
    query.resolution == .raw
      ? ["time", "value", "quality", "received"] : ["windowStart"] + query.functions.map(\.rawValue)
  }

  private mutating func writeJSON(_ row: HistoryRow) {
    let isRaw = query.resolution == .raw
    json.element()
    json.array { json in
      json.element()
      json.write(row.series.number)
      json.element()
      json.write(row.time)
      for value in row.values {
        json.element()
        SeriesJSON.write(value, row.text, to: &json)
      }
      guard isRaw else { return }
      json.element()
      if row.quality.isEmpty { json.writeNull() } else { json.write(row.quality.words) }
      json.element()
      if let received = row.received { json.write(received) } else { json.writeNull() }
    }
  }

  /// Bytes as SenML writes them: what is not a number, a text or a truth value says what it is.
  private static func write(_ data: [UInt8], to json: inout JSONWriter) {
    json.key("vd")
    json.write(base64(data))
  }

  private static func base64(_ data: [UInt8]) -> String {
    var text: [UInt8] = []
    Base64URL.encode(data, &text)
    return String(decoding: text, as: UTF8.self)
  }

  private mutating func endJSON(_ gaps: [StoredGap], _ next: String?) {
    json.endArray()
    json.key("gaps")
    json.array { json in
      for gap in gaps {
        json.element()
        SeriesJSON.write(gap, to: &json)
      }
    }
    if let next {
      json.key("next")
      json.write(next)
    }
    json.endObject()
  }

  // MARK: - CSV (RFC 4180)

  private mutating func beginCSV() {
    let subject = query.groupBy ?? ["device"]
    for (index, column) in (subject + ["metric", "unit"] + columns).enumerated() {
      if index > 0 { comma() }
      cell(column)
    }
    endLine()
  }

  private mutating func writeCSV(_ row: HistoryRow) {
    guard let subject = subjects[row.series] else { return }
    if let device = subject.device {
      cell(device.string)
      comma()
    }
    for value in subject.group {
      cell(value ?? "")
      comma()
    }
    cell(subject.metric.string)
    comma()
    cell(subject.unit ?? "")
    comma()
    row.time.writeRFC3339(into: &json.bytes)
    for value in row.values {
      comma()
      switch (value, row.text) {
      case (let value?, _): json.write(value)
      case (nil, .string(let text)): cell(text)
      case (nil, .data(let data)): cell(HistoryDocument.base64(data))
      case (nil, nil): break
      }
    }
    if query.resolution == .raw {
      comma()
      cell(row.quality.words)
      comma()
      row.received?.writeRFC3339(into: &json.bytes)
    }
    endLine()
  }

  private mutating func comma() { json.bytes.append(UInt8(ascii: ",")) }

  private mutating func endLine() { json.bytes.append(contentsOf: [0x0D, 0x0A]) }

  private mutating func cell(_ text: String) {
    let isPlain = text.utf8.allSatisfy {
      $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: ",")
    }
    if isPlain { return json.bytes.append(contentsOf: text.utf8) }
    json.bytes.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      if byte == UInt8(ascii: "\"") { json.bytes.append(byte) }
      json.bytes.append(byte)
    }
    json.bytes.append(UInt8(ascii: "\""))
  }

  // MARK: - SenML (RFC 8428)

  /// One record a value: `DEVICE/METRIC` for a reading, `DEVICE/METRIC/FUNCTION` for what is said of
  /// a window, at its start. Name and time of a series are given once, as base fields.
  private mutating func writeSenML(_ row: HistoryRow) {
    guard let subject = subjects[row.series], let device = subject.device else { return }
    let isRaw = query.resolution == .raw
    var isNew = row.series != lastSeries
    for (place, value) in row.values.enumerated() {
      guard value != nil || row.text != nil else { continue }
      json.element()
      json.beginObject()
      if isNew {
        json.key("bn")
        json.write("\(device)/\(subject.metric)\(isRaw ? "" : "/")")
        json.key("bt")
        json.write(row.time)
        baseTime = row.time
        lastSeries = row.series
        isNew = false
      }
      if !isRaw {
        json.key("n")
        json.write(query.functions[place].rawValue)
      }
      let isCount = !isRaw && query.functions[place] == .count
      if let unit = isCount ? "count" : subject.unit {
        json.key("u")
        json.write(unit)
      }
      if row.time != baseTime {
        json.key("t")
        json.write(row.time - baseTime)
      }
      switch (value, row.text) {
      case (let value?, _):
        json.key("v")
        json.write(value)
      case (nil, .string(let text)):
        json.key("vs")
        json.write(text)
      case (nil, .data(let data)): HistoryDocument.write(data, to: &json)
      case (nil, nil): break
      }
      json.endObject()
    }
  }
}

extension SampleQuality {
  /// What is known of the reading, in words separated by blanks; empty where there is nothing.
  var words: String {
    let known: [(SampleQuality, String)] = [
      (.late, "late"), (.relativeTime, "relativeTime"), (.clockOff, "clockOff"),
    ]
    return known.filter { contains($0.0) }.map(\.1).joined(separator: " ")
  }
}
