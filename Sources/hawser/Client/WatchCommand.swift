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

      What stands before the first slash is of devices, the rest of metrics; a slash in a device's name \
      is written ?.

      On a terminal a table is kept up to date; elsewhere each value is a line. After an \
      interruption it goes on where it stopped, and says what was left out on standard error. \
      It ends with 64 where the broker refuses what was asked, with 69 where it is not there.
      """)

  @Argument(help: "What to watch; everything by default.")
  var query = "*"

  @Option(
    name: .customLong("label"), help: "Only devices with this label: KEY:PATTERN; repeatable.")
  var labels: [String] = []

  @Option(help: "raw, or a window: 1s, 10s, 1m, 10m, 1h, 1d.")
  var resolution = "1s"

  @Option(
    help: "What is said of a window, separated by commas; last,mean,min,max unless it is said.")
  var functions: String?

  @Option(help: "Labels by which devices are merged, separated by commas.")
  var groupBy: String?

  @Option(help: "The most updates a second.")
  var maxRate: Double?

  @Option(
    parsing: .unconditional,
    help: "Begin in the past: a time (-10m, RFC 3339, seconds since 1970) or a cursor.")
  var since: String?

  @Option(
    parsing: .unconditional,
    help: "End after so many updates; one has the rows of all series for which there is news.")
  var count: Int?

  @OptionGroup var broker: BrokerOptions

  func validate() throws {
    try WindowOptions.check(resolution: resolution, functions: functions, labels: labels)
    guard count ?? 1 > 0 else { throw ValidationError("--count is 1 or more.") }
    _ = try broker.address("/v1/live")
  }

  func run() async throws {
    var screen = WatchScreen(
      isTable: !broker.json && isatty(STDOUT_FILENO) == 1, isJSON: broker.json,
      query: query, title: "\(query)  \(resolution)  \(broker.broker)")
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
        return WatchCommand.words(for: end)
      case .message(let json):
        if let error = json["error"] {
          let code = error["data"]?["code"]?.string ?? ""
          if !isFirst, ["busy", "storeUnavailable"].contains(code) {
            return error["message"]?.string ?? code
          }
          throw Failure.refused(
            OptionNames.text(
              error["message"]?.string ?? "the broker refuses",
              field: error["data"]?["field"]?.string))
        }
        screen.take(json["method"]?.string, json["params"] ?? json["result"] ?? .null)
        if let count, screen.updates >= count { return "" }
      }
    }
    return "the connection ended"
  }

  /// Why a link ended, for people.
  static func words(for end: WebSocketEnd) -> String {
    switch end.code {
    case _ where !end.reason.isEmpty: end.reason
    case 1000, 1001: "the broker has closed the connection"
    case 1005, 1006: "the connection was lost"
    default: "the broker has closed the connection (\(end.code))"
    }
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
    if resolution != "raw" {
      let words = (functions ?? "last,mean,min,max").split(separator: ",")
      params["functions"] = .array(words.map { .string(String($0)) })
    }
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
