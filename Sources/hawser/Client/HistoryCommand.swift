import ArgumentParser
import Glibc
import NIOCore
import TelemetryModel

/// `hawser history`: what was measured, as plots, lines, JSON or CSV.
struct HistoryCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "history",
    abstract: "Show what was measured.",
    discussion: """
      QUERY is DEVICES/METRICS, each one or several patterns separated by commas; either may be left \
      out: 'pump-*', '*/cpu.*', 'pump-1,pump-2/temperature,pressure'.

      What stands before the first slash is of devices, the rest of metrics; a slash in a device's name \
      is written ?.

      On a terminal each series is a small plot of the first function, and of raw texts there are the \
      last changes, in this machine's time; elsewhere each row is a line, in UTC. Times are RFC 3339, seconds since 1970, or relative to now \
      (-10m; s, m, h, d). It ends with 64 where the broker refuses what was asked, with 69 where it is \
      not there, with 74 where the output cannot be written.
      """)

  @Argument(help: "What to show; everything by default.")
  var query = "*"

  @Option(
    name: .customLong("label"), help: "Only devices with this label: KEY:PATTERN; repeatable.")
  var labels: [String] = []

  @Option(parsing: .unconditional, help: "From this moment on.")
  var from = "-1h"

  @Option(parsing: .unconditional, help: "Up to but without this moment; now by default.")
  var to: String?

  @Option(help: "raw, or a window: 1s, 10s, 1m, 10m, 1h, 1d; by default what fits a plot.")
  var resolution: String?

  @Option(
    help:
      "What is said of a window, separated by commas; mean,min,max unless it is said. Not of raw.")
  var functions: String?

  @Option(help: "Labels by which devices are merged, separated by commas.")
  var groupBy: String?

  @Flag(help: "Plots, also where the output is no terminal.")
  var plot = false

  @Flag(help: "CSV (RFC 4180).")
  var csv = false

  @OptionGroup var broker: BrokerOptions

  func validate() throws {
    _ = try broker.address("/v1/history")
    guard [plot, csv, broker.json].count(where: { $0 }) <= 1 else {
      throw ValidationError("--plot, --csv and --json exclude each other.")
    }
    try WindowOptions.check(resolution: resolution, functions: functions, labels: labels)
  }

  func run() async throws {
    let client = RestClient(options: broker)
    var isEmpty = true
    var isUnknown = true
    if csv {
      return try await writeTable(client)
    }
    var cursor: String?
    var plots = SeriesPlots()
    let isPlot = plot || (!broker.json && isatty(STDOUT_FILENO) == 1)
    repeat {
      let page = try await client.json(
        "/v1/history",
        parameters + [("limit", "50000")] + (cursor.map { [("cursor", $0)] } ?? []))
      if isPlot { plots.take(page) } else { HistoryCommand.write(page, asJSON: broker.json) }
      if page["series"]?.array?.isEmpty == false { isUnknown = false }
      if page["rows"]?.array?.isEmpty == false { isEmpty = false }
      cursor = page["next"]?.string
    } while cursor != nil
    guard !isUnknown else { return Output.say("no series is like \(query) yet") }
    if isPlot {
      for line in plots.lines(width: HistoryCommand.width) { Output.line(line) }
    } else if isEmpty {
      Output.say("nothing was measured in this time")
    }
  }

  /// Page by page: a table may be longer than memory.
  private func writeTable(_ client: RestClient) async throws {
    var cursor: String?
    repeat {
      let place = cursor.map { [("cursor", $0)] } ?? []
      let answer = try await client.get(
        "/v1/history", parameters + [("limit", "100000")] + place, accept: "text/csv")
      var rows = answer.body.readableBytesView[...]
      // Every page names its columns.
      if cursor != nil, let end = rows.firstIndex(of: UInt8(ascii: "\n")) {
        rows = rows[(end + 1)...]
      }
      Output.text(String(decoding: rows, as: UTF8.self))
      cursor = answer.next
    } while cursor != nil
  }

  private var parameters: [(String, String)] {
    let wanted = QueryText(query)
    var query = [("from", from)]
    if resolution != "raw" { query.append(("functions", functions ?? "mean,min,max")) }
    if !wanted.devices.isEmpty {
      query.append(("device", wanted.devices.joined(separator: ",")))
    }
    if !wanted.metrics.isEmpty {
      query.append(("metric", wanted.metrics.joined(separator: ",")))
    }
    if !labels.isEmpty { query.append(("label", labels.joined(separator: ","))) }
    if let to { query.append(("to", to)) }
    if let groupBy { query.append(("groupBy", groupBy)) }
    query.append(resolution.map { ("resolution", $0) } ?? ("points", "400"))
    return query
  }

  private static var width: Int {
    var size = winsize()
    let isKnown = ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 20
    return isKnown ? min(Int(size.ws_col), 120) : 80
  }

  private static func write(_ page: JSONValue, asJSON: Bool) {
    var table = WatchScreen(isTable: false, isJSON: asJSON, query: "", title: "")
    table.take(nil, page)
    table.take("update", page)
  }
}
