import TelemetryModel

/// What a live subscription shows in a terminal: a line for each series with its newest row. A pure
/// value.
struct WatchTable {
  private struct Line {
    var name: [String]
    var unit: String
    var time: Timestamp?
    var values: [JSONValue] = []
    var recent: [Double] = []
  }

  /// How many values a spark line has.
  private static let recentCount = 16

  private var lines: [Int: Line] = [:]
  private var columns: [String] = []
  private var groups: [String] = []
  /// What was left out last, for people.
  private(set) var gap: String?
  /// How far the subscription was read.
  private(set) var cursor: String?

  /// Takes the result of a subscription, or a notification of it; true where it brought rows.
  mutating func take(_ method: String?, _ content: JSONValue) -> Bool {
    if let text = content["cursor"]?.string { cursor = text }
    if let names = content["columns"]?.array {
      columns = names.dropFirst(2).compactMap(\.string)
      lines.removeAll()
    }
    for series in content["series"]?.array ?? [] { describe(series) }
    if method == "gap" { gap = WatchTable.text(ofGap: content) }
    guard method == "update", let rows = content["rows"]?.array else { return false }
    for row in rows { take(row.array ?? []) }
    return true
  }

  private mutating func describe(_ series: JSONValue) {
    guard let number = series["series"]?.integer else { return }
    let name: [String]
    if let group = series["group"]?.object {
      groups = group.members.map(\.key)
      name = group.members.map { $0.value.string ?? "-" }
    } else {
      name = [series["device"]?.string ?? "-"]
    }
    var line =
      lines[number] ?? Line(name: [], unit: "", time: nil)
    line.name = name + [series["metric"]?.string ?? "-"]
    line.unit = series["unit"]?.string ?? ""
    lines[number] = line
  }

  private mutating func take(_ row: [JSONValue]) {
    guard row.count > 2, let number = row[0].integer, let seconds = row[1].number,
      var line = lines[number]
    else { return }
    let time = Timestamp(seconds: seconds)
    // Late data changes windows of the past; the table shows the newest one.
    if let newest = line.time, time < newest { return }
    if line.time == time, !line.recent.isEmpty { line.recent.removeLast() }
    line.time = time
    line.values = Array(row.dropFirst(2))
    if let first = row[2].number {
      line.recent.append(first)
      if line.recent.count > WatchTable.recentCount { line.recent.removeFirst() }
    }
    lines[number] = line
  }

  static func text(ofGap content: JSONValue) -> String {
    let from = content["from"]?.number.map { TextTable.time(Timestamp(seconds: $0)) } ?? "?"
    let to = content["to"]?.number.map { TextTable.time(Timestamp(seconds: $0)) } ?? "?"
    let who = content["device"]?.string.map { "\($0): " } ?? ""
    return TextTable.clean(
      "\(who)\(from) to \(to): \(content["reason"]?.string ?? "left out")")
  }

  /// The table for a screen of so many lines and columns.
  func render(height: Int, width: Int, now: Timestamp) -> [String] {
    var rows = [
      (groups.isEmpty ? ["DEVICE"] : groups.map { $0.uppercased() }) + ["METRIC", "UNIT"]
        + columns.map { $0.uppercased() } + ["AGE", ""]
    ]
    let sorted = lines.values.sorted { $0.name.lexicographicallyPrecedes($1.name) }
    let shown = sorted.count <= height - 1 ? sorted[...] : sorted.prefix(max(0, height - 2))
    for line in shown {
      var values = line.values.map { TextTable.value($0) }
      while values.count < columns.count { values.append("-") }
      rows.append(
        line.name + [line.unit] + values
          + [line.time.map { TextTable.span(now - $0) } ?? "-", TextPlot.spark(line.recent)])
    }
    let first = max(1, groups.count) + 2
    var text = TextTable.lines(rows, right: Set(first...(first + columns.count)))
    if shown.count < sorted.count { text.append("… and \(sorted.count - shown.count) more") }
    return text.map { String($0.prefix(width)) }
  }

  /// A row with the names of everything, for scripts; nil where it is of no known series.
  func object(_ row: [JSONValue], amends: Bool, _ series: [Int: JSONValue]) -> JSONValue? {
    guard row.count > 1, let number = row[0].integer, let known = series[number] else {
      return nil
    }
    var object = JSONObject()
    for key in ["device", "group", "metric", "unit"] { object[key] = known[key] }
    object["time"] = row[1]
    for (name, value) in zip(columns, row.dropFirst(2)) { object[name] = value }
    if amends { object["amends"] = true }
    return .object(object)
  }
}

extension JSONValue {
  /// The whole number that it is; nil where it is none, or none that is small enough.
  var integer: Int? { number.flatMap { Int(exactly: $0) } }
}
