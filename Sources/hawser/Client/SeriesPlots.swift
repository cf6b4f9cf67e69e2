import TelemetryModel

/// The rows of an answer, sorted into series for plots that share one span of time; a pure value.
struct SeriesPlots {
  private struct Plot {
    var title: String
    var unit: String?
    var points: [TextPlot.Point] = []
    /// The newest of what is no number, changes only.
    var words: [(time: Double, value: JSONValue)] = []

    mutating func add(_ word: (time: Double, value: JSONValue)) {
      guard words.last?.value != word.value else { return }
      words.append(word)
      if words.count > SeriesPlots.shownWords { words.removeFirst() }
    }

    func said(width: Int) -> [String] {
      words.map { word in
        "  \(TextPlot.localTime(word.time))  "
          + TextTable.value(word.value, longest: max(8, width - 27))
      }
    }
  }

  /// How many changes of a series' text are shown.
  private static let shownWords = 10

  private var plots: [Int: Plot] = [:]
  private var order: [Int] = []
  private var span: (from: Double, to: Double)?
  private var resolution: Resolution?

  mutating func take(_ page: JSONValue) {
    let column = page["columns"]?.array?.dropFirst(2).first?.string ?? ""
    let word = page["resolution"]?.string ?? ""
    resolution = Resolution(rawValue: word)
    if span == nil, let from = page["from"]?.number, let to = page["to"]?.number {
      span = (from, to)
    }
    for series in page["series"]?.array ?? [] {
      guard let number = series["series"]?.integer,
        plots[number] == nil
      else { continue }
      let who = series["device"]?.string ?? TextTable.labels(series["group"])
      let unit = series["unit"]?.string
      let what = column == "value" ? "raw" : "\(column) of \(word)"
      let shown = unit.map { " [\($0)]" } ?? ""
      plots[number] = Plot(
        title: "\(who) \(series["metric"]?.string ?? "-")\(shown), \(what)", unit: unit)
      order.append(number)
    }
    for row in page["rows"]?.array ?? [] {
      guard let values = row.array, values.count > 2,
        let number = values[0].integer, let time = values[1].number
      else { continue }
      if let value = values[2].number {
        plots[number]?.points.append((time: time, value: value))
      } else if values[2] != .null {
        plots[number]?.add((time: time, value: values[2]))
      }
    }
  }

  func lines(width: Int, height: Int = 6) -> [String] {
    let shown = order.compactMap { plots[$0] }.filter { !$0.points.isEmpty || !$0.words.isEmpty }
    var lines: [String] = []
    for plot in shown {
      let times = plot.points.map(\.time)
      let chart = TextPlot(
        from: span?.from ?? times.min() ?? 0, to: span?.to ?? times.max() ?? 0,
        joined: joined(times), width: width, height: height, unit: plot.unit)
      let drawn = plot.points.isEmpty ? [] : chart.lines(plot.points)
      lines += [plot.title] + drawn + plot.said(width: width) + [""]
    }
    return lines.isEmpty ? ["Nothing was measured."] : lines
  }

  /// How far two points may lie apart with nothing missing between them: windows follow each other,
  /// readings mostly come at about the same pace.
  private func joined(_ times: [Double]) -> Double {
    if let length = resolution?.length { return length.inSeconds * 1.5 }
    let steps = zip(times.dropFirst(), times).map { $0 - $1 }.filter { $0 > 0 }.sorted()
    return steps.isEmpty ? 0 : steps[steps.count / 2] * 3
  }
}
