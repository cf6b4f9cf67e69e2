import Glibc
import TelemetryModel

/// What `hawser watch` writes: a table that is drawn again and again, JSON lines, or plain lines.
struct WatchScreen {
  let isTable: Bool
  let isJSON: Bool
  /// What was asked for, as it was typed.
  let query: String
  let title: String
  var table = WatchTable()
  var hadUpdates = false
  private(set) var updates = 0
  private var series: [Int: JSONValue] = [:]

  init(isTable: Bool, isJSON: Bool, query: String, title: String) {
    self.query = query
    self.isTable = isTable
    self.isJSON = isJSON
    self.title = title
  }

  mutating func take(_ method: String?, _ content: JSONValue) {
    for one in content["series"]?.array ?? [] {
      if let number = one["series"]?.integer { series[number] = one }
    }
    if table.take(method, content) {
      updates += 1
      hadUpdates = true
    }
    if isTable { return draw(state: "live") }
    if content["subscription"] != nil, content["series"]?.array?.isEmpty == true, updates == 0 {
      say("no series is like \(query) yet; what comes is shown")
    }
    if method == "gap" {
      if isJSON { Output.json(.object(WatchScreen.gap(content))) }
      return say("left out: \(WatchTable.text(ofGap: content))")
    }
    guard method == "update" else { return }
    for row in content["rows"]?.array ?? [] {
      guard
        let object = table.object(
          row.array ?? [], amends: content["amends"]?.bool == true, series)
      else { continue }
      if isJSON { Output.json(object) } else { Output.line(WatchScreen.plain(object)) }
    }
  }

  private static func gap(_ content: JSONValue) -> JSONObject {
    var object = JSONObject()
    object["gap"] = content
    return object
  }

  /// `2026-01-31T12:00:00Z pump-1 temperature 20.5 Cel mean=20.4`.
  static func plain(_ object: JSONValue) -> String {
    let unit = object["unit"]?.string
    var words: [String] = []
    for member in object.object?.members ?? [] {
      switch (member.key, member.value) {
      case ("time", .number(let seconds)):
        words.insert(TextTable.time(Timestamp(seconds: seconds)), at: 0)
      case ("device", let value), ("metric", let value), ("unit", let value):
        if let text = value.string { words.append(text) }
      case ("group", let value): words.append(TextTable.labels(value))
      case ("amends", _): words.append("(amended)")
      // What is not known of a reading needs no word.
      case ("quality", .null), ("received", .null): continue
      case ("received", .number(let seconds)):
        words.append("received=\(TextTable.time(Timestamp(seconds: seconds)))")
      case (let key, let value): words.append("\(key)=\(TextTable.word(value, unit: unit))")
      }
    }
    return words.joined(separator: " ")
  }

  /// Tells something on standard error, or in the table's first line.
  func say(_ text: String) {
    if isTable { draw(state: text) } else { Output.say(text) }
  }

  private func draw(state: String) {
    var size = winsize()
    let isKnown = ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_row > 3
    let (height, width) = isKnown ? (Int(size.ws_row), Int(size.ws_col)) : (24, 80)
    var lines = [String("\(title)  \(state)".prefix(width))]
    if let gap = table.gap { lines.append(String("left out: \(gap)".prefix(width))) }
    lines += table.render(
      height: height - lines.count - 1, width: width, now: WatchScreen.wallClock())
    if table.isEmpty { lines.append(String("No series is like \(query) yet.".prefix(width))) }
    // Home, then each line with what was behind it cleared, then all below: nothing flickers.
    let text = lines.map { "\(TerminalText.clean($0))\u{1B}[K" }.joined(separator: "\r\n")
    Output.text("\u{1B}[H\(text)\r\n\u{1B}[J")
  }

  static func wallClock() -> Timestamp {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)
  }
}
