import BrokerCore
import DeviceProtocol
import Hummingbird
import TelemetryModel

/// What a request for `/v1/history` asks for, read strictly.
struct HistoryQuery {
  static let known: Set<String> = [
    "device", "metric", "label", "from", "to", "resolution", "points", "functions", "groupBy",
    "limit", "cursor", "format",
  ]
  /// How far back an answer goes if nothing is said.
  static let defaultSpan: Duration = .seconds(600)
  static let defaultFunctions: [AggregateFunction] = [.last, .mean, .min, .max]
  /// The most points one may ask for with `points`.
  static let maxPoints = 100_000

  var filter: SeriesQuery
  var from: Timestamp
  var to: Timestamp
  var resolution: Resolution
  var functions: [AggregateFunction]
  /// The labels that devices are merged by; none merges all devices, nil merges nothing.
  var groupBy: [String]?
  var limitRows: Int
  var cursor: HistoryCursor?
  var format: HistoryFormat

  /// `accept` is the request's header; `kept` tells how long windows and readings are kept, nil for
  /// ever.
  ///
  /// - Throws: a problem that names the parameter.
  init(
    _ parameters: QueryParameters, accept: String?, now: Timestamp,
    kept: (Resolution) -> Duration?
  ) throws(Problem) {
    format = try HistoryFormat.chosen(parameters["format"], accept: accept)
    cursor = try parameters["cursor"].map(HistoryCursor.init)
    to = try parameters.time("to", now: now) ?? now
    from = try parameters.time("from", now: now) ?? (to - HistoryQuery.defaultSpan).clampedToDates
    guard from <= to else { throw .contradiction("from", "from is after to.") }
    // Relative times have moved since the first page; its span holds for all.
    if let cursor { (from, to) = (cursor.from, cursor.to) }
    filter = SeriesQuery(
      devices: try parameters.globs("device"), metrics: try parameters.globs("metric"),
      labels: try parameters.labels("label").mapValues(Glob.init))
    groupBy = try parameters.groupBy("groupBy")
    resolution = try HistoryQuery.resolution(parameters, from: from, to: to, now: now, kept: kept)
    functions = try parameters.functions("functions", default: HistoryQuery.defaultFunctions)
    let limit = try parameters.integer(
      "limit", in: 1...HistoryFormat.mostRows, default: format.defaultRows)
    limitRows = min(limit, format.maxRows)
    if resolution == .raw { functions = [] }
    if groupBy != nil {
      guard resolution != .raw else { throw .rawGroups }
      guard format != .senML else {
        throw .contradiction("groupBy", "Groups have no SenML names; ask for JSON or CSV.")
      }
    }
  }

  /// The resolution asked for, or the finest one that makes at most as many points of the span as
  /// asked for and is kept for as long as the span reaches back.
  private static func resolution(
    _ parameters: QueryParameters, from: Timestamp, to: Timestamp, now: Timestamp,
    kept: (Resolution) -> Duration?
  ) throws(Problem) -> Resolution {
    guard parameters["points"] != nil else { return try parameters.resolution("resolution") }
    guard parameters["resolution"] == nil else {
      throw .contradiction("points", "points and resolution exclude each other.")
    }
    let points = try parameters.integer("points", in: 1...maxPoints, default: 1)
    let span = (to - from).wholeMicroseconds
    let fitting = Resolution.allCases.first { resolution in
      guard let length = resolution.lengthMicroseconds, span / length <= points else {
        return false
      }
      return kept(resolution).map { from >= now - $0 } ?? true
    }
    return fitting ?? .d1
  }
}

/// Where a page ended, as `next` gives it: which row, in which span, as of which commit. Opaque to
/// clients.
struct HistoryCursor {
  /// More readings than a store can have of one series and one moment have more digits.
  private static let repeatsDigits = 12

  var position: HistoryPosition
  var from: Timestamp
  var to: Timestamp
  var commit: CommitNumber?

  init(position: HistoryPosition, from: Timestamp, to: Timestamp, commit: CommitNumber?) {
    self.position = position
    self.from = from
    self.to = to
    self.commit = commit
  }

  /// Reads what ``text`` wrote.
  init(_ text: String) throws(Problem) {
    let parts = text.split(separator: "_", omittingEmptySubsequences: false)
    guard parts.count == 6, let series = Int64(digits: parts[0]),
      let time = Int64(digits: parts[1], signed: true),
      let repeats = Int64(digits: parts[2], atMost: HistoryCursor.repeatsDigits),
      let from = Int64(digits: parts[3], signed: true), let span = Int64(digits: parts[4]),
      let commit = Int64(digits: parts[5])
    else { throw .foreignCursor("cursor") }
    position = HistoryPosition(
      series: SeriesID(series), time: Timestamp(microseconds: time), repeats: Int(repeats))
    self.from = Timestamp(microseconds: from)
    to = Timestamp(microseconds: from + span)
    self.commit = commit == 0 ? nil : CommitNumber(commit)
  }

  var text: String {
    """
    \(position.series)_\(position.time.microseconds)_\(position.repeats)_\
    \(from.microseconds)_\(to.microseconds - from.microseconds)_\(commit?.number ?? 0)
    """
  }
}
