import ArgumentParser
import BrokerCore
import Glibc
import TelemetryModel
import WebSocketTransport

/// `hawser watch`: live values in the terminal.
struct WatchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "watch",
    abstract: "Show live values in the terminal.",
    discussion: """
      QUERY is DEVICES/METRICS, each one or several patterns separated by commas; either may be left \
      out: 'pump-*', '*/cpu.*', 'pump-1,pump-2/temperature,pressure'.

      On a terminal a table is kept up to date; elsewhere each value is a line. After an \
      interruption it goes on where it stopped, and says what was left out on standard error.
      """)

  @Argument(help: "What to watch; everything by default.")
  var query = "*"

  @Option(
    name: .customLong("label"), help: "Only devices with this label: KEY:PATTERN; repeatable.")
  var labels: [String] = []

  @Option(help: "raw, or a window: 1s, 10s, 1m, 10m, 1h, 1d.")
  var resolution = "1s"

  @Option(help: "What is said of a window, separated by commas; one of them or several.")
  var functions = "last,mean,min,max"

  @Option(help: "Labels by which devices are merged, separated by commas.")
  var groupBy: String?

  @Option(help: "The most updates a second.")
  var maxRate: Double?

  @Option(
    parsing: .unconditional,
    help: "Begin in the past: a time (-10m, RFC 3339, seconds since 1970) or a cursor.")
  var since: String?

  @Option(help: "End after so many updates.")
  var count: Int?

  @OptionGroup var broker: BrokerOptions

  func validate() throws {
    guard resolution == "raw" || Resolution(rawValue: resolution) != nil else {
      throw ValidationError("--resolution is raw, 1s, 10s, 1m, 10m, 1h or 1d.")
    }
    for label in labels where !label.dropFirst().contains(":") {
      throw ValidationError("--label is KEY:PATTERN, for example site:lab.")
    }
    _ = try broker.address("/v1/live")
  }

  func run() async throws {
    var screen = WatchScreen(
      isTable: !broker.json && isatty(STDOUT_FILENO) == 1, isJSON: broker.json,
      title: "\(query)  \(resolution)  \(broker.broker)")
    var failures = 0
    while true {
      let ending = try await follow(&screen, isFirst: failures == 0 && screen.table.cursor == nil)
      if let count, screen.updates >= count { return }
      failures = screen.hadUpdates ? 0 : failures + 1
      let wait = min(10, 1 << min(failures, 4))
      screen.say("\(ending); trying again in \(wait) s")
      try await Task.sleep(for: .milliseconds(wait * 1_000 + Int.random(in: 0...500)))
    }
  }

  /// Reads one link to its end; says how it ended.
  private func follow(_ screen: inout WatchScreen, isFirst: Bool) async throws -> String {
    screen.hadUpdates = false
    let events: AsyncStream<LiveClient.Event>
    do {
      events = try await LiveClient.open(
        try broker.address("/v1/live"), caFile: broker.ca,
        request: request(since: screen.table.cursor))
    } catch {
      if isFirst { throw Failure.unavailable("\(broker.broker) does not answer: \(error)") }
      return "\(error)"
    }
    for await event in events {
      switch event {
      case .ended(let end):
        return end.reason.isEmpty ? "closed with \(end.code)" : end.reason
      case .message(let json):
        if let error = json["error"] {
          throw Failure.refused(error["message"]?.string ?? "the broker refuses")
        }
        screen.take(json["method"]?.string, json["params"] ?? json["result"] ?? .null)
        if let count, screen.updates >= count { return "" }
      }
    }
    return "the connection ended"
  }

  private func request(since cursor: String?) -> JSONValue {
    let wanted = QueryText(query)
    var filter = JSONObject()
    if !wanted.devices.isEmpty { filter["devices"] = .array(wanted.devices.map { .string($0) }) }
    if !wanted.metrics.isEmpty { filter["metrics"] = .array(wanted.metrics.map { .string($0) }) }
    var byLabel = JSONObject()
    for label in labels {
      let parts = label.split(separator: ":", maxSplits: 1).map(String.init)
      if parts.count == 2 { byLabel[parts[0]] = .string(parts[1]) }
    }
    if !byLabel.members.isEmpty { filter["labels"] = .object(byLabel) }
    var params = JSONObject()
    params["query"] = .object(filter)
    params["resolution"] = .string(resolution)
    params["functions"] = .array(functions.split(separator: ",").map { .string(String($0)) })
    if let groupBy {
      params["groupBy"] = .array(groupBy.split(separator: ",").map { .string(String($0)) })
    }
    if let maxRate { params["maxRate"] = .number(maxRate) }
    if let text = cursor ?? since { params["since"] = .string(text) }
    return [
      "jsonrpc": "2.0", "id": "1", "method": "subscribe", "params": .object(params),
    ]
  }
}

/// What `hawser watch` writes: a table that is drawn again and again, JSON lines, or plain lines.
struct WatchScreen {
  let isTable: Bool
  let isJSON: Bool
  let title: String
  var table = WatchTable()
  var hadUpdates = false
  private(set) var updates = 0
  private var series: [Int: JSONValue] = [:]

  init(isTable: Bool, isJSON: Bool, title: String) {
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
    if method == "gap" {
      if isJSON { Output.line(JSONValue.object(WatchScreen.gap(content)).description) }
      return say("left out: \(WatchTable.text(ofGap: content))")
    }
    guard method == "update" else { return }
    for row in content["rows"]?.array ?? [] {
      guard
        let object = table.object(
          row.array ?? [], amends: content["amends"]?.bool == true, series)
      else { continue }
      Output.line(isJSON ? object.description : WatchScreen.plain(object))
    }
  }

  private static func gap(_ content: JSONValue) -> JSONObject {
    var object = JSONObject()
    object["gap"] = content
    return object
  }

  /// `2026-01-31T12:00:00Z pump-1 temperature Cel last=20.5 mean=20.4`, or `… value="open"` for text.
  private static func plain(_ object: JSONValue) -> String {
    var words: [String] = []
    for member in object.object?.members ?? [] {
      switch (member.key, member.value) {
      case ("time", .number(let seconds)):
        words.insert(TextTable.time(Timestamp(seconds: seconds)), at: 0)
      case ("device", let value), ("metric", let value), ("unit", let value):
        if let text = value.string { words.append(TextTable.clean(text)) }
      case ("group", let value): words.append(TextTable.clean(TextTable.labels(value)))
      case ("amends", _): words.append("(amended)")
      case (let key, let value): words.append("\(key)=\(TextTable.word(value))")
      }
    }
    return words.joined(separator: " ")
  }

  /// Tells something on standard error, or in the table's first line.
  func say(_ text: String) {
    let text = TextTable.clean(text)
    if isTable { draw(state: text) } else { Output.line("hawser: \(text)", to: STDERR_FILENO) }
  }

  private func draw(state: String) {
    var size = winsize()
    let isKnown = ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_row > 3
    let (height, width) = isKnown ? (Int(size.ws_row), Int(size.ws_col)) : (24, 80)
    var lines = [String("\(title)  \(state)".prefix(width))]
    if let gap = table.gap { lines.append(String("left out: \(gap)".prefix(width))) }
    lines += table.render(
      height: height - lines.count - 1, width: width, now: WatchScreen.wallClock())
    // Home, then each line with what was behind it cleared, then all below: nothing flickers.
    let text = lines.map { "\($0)\u{1B}[K" }.joined(separator: "\r\n")
    Output.text("\u{1B}[H\(text)\r\n\u{1B}[J")
  }

  static func wallClock() -> Timestamp {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)
  }
}
