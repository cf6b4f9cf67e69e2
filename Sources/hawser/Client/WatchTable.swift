import TelemetryModel

/// What a live subscription shows in a terminal: a line for each series with its newest row. A pure
/// value.
struct WatchTable {
  private struct Line {
    var name: [String]
    var unit: String?
    var time: Timestamp?
    var values: [JSONValue] = []
    var recent: [Double] = []
  }

  /// How many values a spark line has.
  private static let recentCount = 16

  private var lines: [Int: Line] = [:]
  /// What was shown before the subscription began anew, by name: it is numbered anew too.
  private var before: [[String]: Line] = [:]
  private var columns: [String] = []
  private var groups: [String] = []
  /// What was left out last, for people.
  private(set) var gap: String?
  /// How far the subscription was read.
  private(set) var cursor: String?

  /// Whether there are no series.
  var isEmpty: Bool { lines.isEmpty }

  /// Takes the result of a subscription, or a notification of it; true where it brought rows.
  mutating func take(_ method: String?, _ content: JSONValue) -> Bool {
    if let text = content["cursor"]?.string { cursor = text }
    if let names = content["columns"]?.array {
      columns = names.dropFirst(2).compactMap(\.string)
      for line in lines.values { before[line.name] = line }
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
    var name: [String]
    if let group = series["group"]?.object {
      groups = group.members.map(\.key)
      name = group.members.map { $0.value.string ?? "-" }
    } else {
      name = [series["device"]?.string ?? "-"]
    }
    name.append(series["metric"]?.string ?? "-")
    let known = lines[number] ?? before.removeValue(forKey: name)
    var line = known ?? Line(name: [], time: nil)
    line.name = name
    line.unit = series["unit"]?.string
    lines[number] = line
  }

  private mutating func take(_ row: [JSONValue]) {
    guard row.count > 2, let number = row[0].integer,
      let seconds = row[1].number, var line = lines[number]
    else { return }
    let time = Timestamp(seconds: seconds)
    // Late data changes windows of the past; the table shows the newest one.
    if let newest = line.time, time < newest { return }
    if line.time == time, !line.recent.isEmpty { line.recent.removeLast() }
    line.time = time
    line.values = Array(row.dropFirst(2))
    if let first = line.values.first?.number {
      line.recent.append(first)
      if line.recent.count > WatchTable.recentCount { line.recent.removeFirst() }
    }
    lines[number] = line
  }

  static func text(ofGap content: JSONValue) -> String {
    // From the beginning of time on is what a broker says that does not know from when.
    let from =
      content["from"]?.number.map {
        $0 <= 0 ? "any time" : TextTable.time(Timestamp(seconds: $0))
      } ?? "?"
    let to = content["to"]?.number.map { TextTable.time(Timestamp(seconds: $0)) } ?? "?"
    let who = content["device"]?.string.map { "\($0): " } ?? ""
    return "\(who)\(from) to \(to): \(content["reason"]?.string ?? "left out")"
  }

  // MARK: - On a screen

  /// What of a line is shown; where there is little room, values go last.
  private struct Layout {
    var values: Int
    var hasSpark = true
    var hasUnit = true
    var hasAge = true
    /// The most characters of a part of a name.
    var nameWidth = Int.max
  }

  /// The layouts to try, the fullest first.
  private func layouts(width: Int) -> [Layout] {
    var all = [Layout(values: columns.count)]
    var last = Layout(values: columns.count, hasSpark: false)
    all.append(last)
    while last.values > 1 {
      last.values -= 1
      all.append(last)
    }
    last.hasAge = false
    all.append(last)
    last.hasUnit = false
    all.append(last)
    let parts = max(1, groups.count) + 1
    // Columns are two blanks apart; a number wants about ten characters.
    for room in [width - 2 * parts - 10, width - 2 * parts - 6] {
      last.nameWidth = max(3, room / parts)
      all.append(last)
    }
    return all
  }

  /// The table for a screen of so many lines and columns: series that have said something first, in the
  /// order of their names.
  func render(height: Int, width: Int, now: Timestamp) -> [String] {
    guard !lines.isEmpty else { return [] }
    let sorted = lines.values.sorted {
      guard ($0.time == nil) == ($1.time == nil) else { return $0.time != nil }
      return $0.name.lexicographicallyPrecedes($1.name)
    }
    let shown = sorted.count <= height - 1 ? sorted[...] : sorted.prefix(max(0, height - 2))
    var text: [String] = []
    for layout in layouts(width: width) {
      text = table(shown, layout, now)
      if text.allSatisfy({ $0.count <= width }) { break }
    }
    if shown.count < sorted.count {
      text.append("… and \(sorted.count - shown.count) more; narrow it by DEVICES/METRICS")
    }
    return text.map { String($0.prefix(width)) }
  }

  private func table(_ shown: some Sequence<Line>, _ layout: Layout, _ now: Timestamp) -> [String] {
    let names = groups.isEmpty ? ["DEVICE"] : groups.map { $0.uppercased() }
    var rows = [
      (names + ["METRIC"]).map { WatchTable.cut($0, layout.nameWidth) }
        + (layout.hasUnit ? ["UNIT"] : []) + columns.prefix(layout.values).map { $0.uppercased() }
        + (layout.hasAge ? ["AGE"] : [])
    ]
    for line in shown {
      var row = line.name.map { WatchTable.cut($0, layout.nameWidth) }
      if layout.hasUnit { row.append(line.unit ?? "") }
      for place in 0..<layout.values {
        let value: JSONValue = place < line.values.count ? line.values[place] : .null
        row.append(
          columns[place] == "received"
            ? value.number.map { TextTable.time(Timestamp(seconds: $0)) } ?? "-"
            : TextTable.value(value, unit: line.unit))
      }
      if layout.hasAge { row.append(line.time.map { TextTable.span(now - $0) } ?? "-") }
      if layout.hasSpark, !line.recent.isEmpty { row.append(TextPlot.spark(line.recent)) }
      rows.append(row)
    }
    let first = max(1, groups.count) + 1 + (layout.hasUnit ? 1 : 0)
    return TextTable.lines(
      rows, right: Set(first..<(first + layout.values + (layout.hasAge ? 1 : 0))))
  }

  private static func cut(_ text: String, _ width: Int) -> String {
    text.count <= width ? text : text.prefix(width - 1) + "…"
  }

  /// A row with the names of everything, for scripts; nil where it is of no known series.
  func object(_ row: [JSONValue], amends: Bool, _ series: [Int: JSONValue]) -> JSONValue? {
    guard row.count > 1, let number = row[0].integer,
      let known = series[number]
    else { return nil }
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
