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

      On a terminal each series is a small plot of the first function, and of raw texts there are the \
      last changes; elsewhere each row is a line. \
      Times are RFC 3339, seconds since 1970, or relative to now (-10m; s, m, h, d).
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

  @Option(help: "What is said of a window, separated by commas.")
  var functions = "mean,min,max"

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
  }

  func run() async throws {
    let client = RestClient(options: broker)
    if csv {
      let answer = try await client.get(
        "/v1/history", parameters + [("limit", "10000000")], accept: "text/csv")
      return Output.text(String(buffer: answer.body))
    }
    var cursor: String?
    var plots = SeriesPlots()
    let isPlot = plot || (!broker.json && isatty(STDOUT_FILENO) == 1)
    repeat {
      let page = try await client.json(
        "/v1/history",
        parameters + [("limit", "50000")] + (cursor.map { [("cursor", $0)] } ?? []))
      if isPlot { plots.take(page) } else { HistoryCommand.write(page, asJSON: broker.json) }
      cursor = page["next"]?.string
    } while cursor != nil
    if isPlot { for line in plots.lines(width: HistoryCommand.width) { Output.line(line) } }
  }

  private var parameters: [(String, String)] {
    let wanted = QueryText(query)
    var query = [("from", from), ("functions", functions)]
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
    var table = WatchScreen(isTable: false, isJSON: asJSON, title: "")
    table.take(nil, page)
    table.take("update", page)
  }
}

/// The rows of an answer, sorted into series for plots; a pure value.
struct SeriesPlots {
  private struct Plot {
    var title: String
    var points: [TextPlot.Point] = []
    /// The newest of what is no number, changes only.
    var words: [(time: Double, value: JSONValue)] = []

    mutating func add(_ word: (time: Double, value: JSONValue)) {
      guard words.last?.value != word.value else { return }
      words.append(word)
      if words.count > SeriesPlots.shownWords { words.removeFirst() }
    }

    func lines(width: Int, height: Int) -> [String] {
      let said = words.map { word in
        let time = TextTable.time(Timestamp(seconds: word.time.rounded(.down)))
        return "  \(time)  \(TextTable.value(word.value, longest: max(8, width - 24)))"
      }
      guard !points.isEmpty || said.isEmpty else { return said }
      return TextPlot.lines(points, width: width, height: height) + said
    }
  }

  /// How many changes of a series' text are shown.
  private static let shownWords = 10

  private var plots: [Int: Plot] = [:]
  private var order: [Int] = []

  mutating func take(_ page: JSONValue) {
    let column = page["columns"]?.array?.dropFirst(2).first?.string ?? ""
    let resolution = page["resolution"]?.string ?? ""
    for series in page["series"]?.array ?? [] {
      guard let number = series["series"]?.integer, plots[number] == nil else {
        continue
      }
      let who = series["device"]?.string ?? TextTable.labels(series["group"])
      let unit = series["unit"]?.string.map { " [\($0)]" } ?? ""
      let what = column == "value" ? "raw" : "\(column) of \(resolution)"
      plots[number] = Plot(
        title: TextTable.clean("\(who) \(series["metric"]?.string ?? "-")\(unit), \(what)"))
      order.append(number)
    }
    for row in page["rows"]?.array ?? [] {
      guard let values = row.array, values.count > 2, let number = values[0].integer,
        let time = values[1].number
      else { continue }
      if let value = values[2].number {
        plots[number]?.points.append((time: time, value: value))
      } else if values[2] != .null {
        plots[number]?.add((time: time, value: values[2]))
      }
    }
  }

  func lines(width: Int, height: Int = 6) -> [String] {
    let shown = order.compactMap { plots[$0] }
      .filter { !$0.points.isEmpty || !$0.words.isEmpty }
    guard !shown.isEmpty else { return ["Nothing was measured."] }
    return shown.flatMap { plot in
      [plot.title] + plot.lines(width: width, height: height) + [""]
    }
  }
}
