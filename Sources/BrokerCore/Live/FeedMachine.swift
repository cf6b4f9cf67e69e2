package import TelemetryModel

/// What one live feed has to say and when, as a pure machine: readings and the time go in, rows
/// come out.
///
/// Raw feeds pass every committed reading on. Window feeds emit a window once, when it has closed
/// (its end and ``closeDelay`` have passed), and name the windows that late readings reach, so that
/// they are read again whole from the store and sent as amended.
package struct FeedMachine: Sendable {
  /// How long after its end a window stays open for readings on their way.
  package static let closeDelay: Duration = .milliseconds(100)

  /// One window of one series.
  package struct WindowKey: Hashable, Sendable {
    /// Whose window.
    package var series: SeriesID
    /// When it begins.
    package var start: Timestamp

    /// Names both parts.
    package init(series: SeriesID, start: Timestamp) {
      self.series = series
      self.start = start
    }
  }

  /// What a tick has to send.
  package struct Output: Sendable {
    /// Rows that are new: readings by arrival, windows by start.
    package var rows: [HistoryRow] = []
    /// Windows sent before that have changed since.
    package var late: Set<WindowKey> = []
  }

  private let resolution: Resolution
  private let functions: [AggregateFunction]
  /// Whether percentiles are asked for.
  package let withSketch: Bool
  private var open: [WindowKey: WindowSummary] = [:]
  private var raw: [HistoryRow] = []
  private var late: Set<WindowKey> = []
  /// Windows that begin before this moment are closed: they were sent, or belong to history.
  package private(set) var frontier: Timestamp

  /// A feed that begins now; windows that began before now's frontier belong to history.
  package init(resolution: Resolution, functions: [AggregateFunction], now: Timestamp) {
    self.resolution = resolution
    self.functions = functions
    withSketch = functions.contains { $0.quantile != nil }
    frontier = FeedMachine.frontier(resolution, at: now)
  }

  /// The start of the oldest window that is open at a moment; the moment itself for raw feeds.
  package static func frontier(_ resolution: Resolution, at now: Timestamp) -> Timestamp {
    resolution == .raw ? now : resolution.windowStart(of: now - closeDelay)
  }

  /// Takes over what the store held of a window that was open when the feed began.
  package mutating func seed(_ state: WindowSummary, for key: WindowKey) {
    guard key.start >= frontier else { return }
    open[key] = state
  }

  /// Counts one committed reading.
  package mutating func add(_ sample: Sample) {
    guard resolution != .raw else {
      raw.append(HistoryRow(series: sample.series, time: sample.time, values: [sample.value]))
      return
    }
    let key = WindowKey(series: sample.series, start: resolution.windowStart(of: sample.time))
    if key.start >= frontier {
      open[key, default: WindowSummary(withSketch: withSketch)].add(sample.value, at: sample.time)
    } else {
      late.insert(key)
    }
  }

  /// Closes what is due and returns what there is to send.
  package mutating func tick(now: Timestamp) -> Output {
    var output = Output()
    guard resolution != .raw else {
      swap(&output.rows, &raw)
      return output
    }
    swap(&output.late, &late)
    let due = FeedMachine.frontier(resolution, at: now)
    guard due > frontier else { return output }
    frontier = due
    for (key, state) in open where key.start < due {
      output.rows.append(row(key, state))
      open[key] = nil
    }
    output.rows.sort { ($0.time, $0.series) < ($1.time, $1.series) }
    return output
  }

  /// The row that a window makes with this feed's functions.
  package func row(_ key: WindowKey, _ state: WindowSummary) -> HistoryRow {
    HistoryRow(
      series: key.series, time: key.start, values: functions.map { state.value(of: $0) })
  }

  /// How many windows are open: what a feed's memory is made of.
  package var openWindows: Int { open.count }
}
