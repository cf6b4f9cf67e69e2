import BrokerCore
import GRDB
import TelemetryModel

/// Reads rows and windows within one snapshot; lives no longer than its `Database` access.
struct SQLiteHistory {
  private let db: Database
  private let withSketch: Bool

  init(_ db: Database, withSketch: Bool) {
    self.db = db
    self.withSketch = withSketch
  }

  func page(_ request: HistoryRequest) throws -> HistoryPage {
    let commit = try SQLiteStore.lastCommit(db)
    var rows: [HistoryRow] = []
    for series in remaining(request) {
      let after = request.after?.series == series ? request.after : nil
      try append(series, after: after, request: request, to: &rows)
      if rows.count > request.limitRows { break }
    }
    guard rows.count > request.limitRows else {
      return HistoryPage(commit: commit, rows: rows, next: nil)
    }
    rows.removeSubrange(request.limitRows...)
    return HistoryPage(commit: commit, rows: rows, next: position(rows, after: request.after))
  }

  func windows(
    of series: [SeriesID], resolution: Resolution, from: Timestamp, to: Timestamp
  ) throws -> WindowStates {
    var entries: [WindowStates.Entry] = []
    for series in series {
      try forEachWindow(series, resolution: resolution, from: from, to: to) { start, state in
        entries.append(WindowStates.Entry(series: series, start: start, summary: state))
        return true
      }
    }
    return WindowStates(commit: try SQLiteStore.lastCommit(db), entries: entries)
  }

  /// The series that the pages before have not finished.
  private func remaining(_ request: HistoryRequest) -> ArraySlice<SeriesID> {
    guard let after = request.after, let index = request.series.firstIndex(of: after.series) else {
      return request.series[...]
    }
    return request.series[index...]
  }

  private func position(_ rows: [HistoryRow], after: HistoryPosition?) -> HistoryPosition? {
    guard let last = rows.last else { return nil }
    var repeats = rows.reversed().prefix { $0.series == last.series && $0.time == last.time }.count
    if let after, repeats == rows.count, after.series == last.series, after.time == last.time {
      repeats += after.repeats
    }
    return HistoryPosition(series: last.series, time: last.time, repeats: repeats)
  }

  /// Appends a series' rows, one more than the limit at the most.
  private func append(
    _ series: SeriesID, after: HistoryPosition?, request: HistoryRequest,
    to rows: inout [HistoryRow]
  ) throws {
    if request.resolution == .raw {
      try forEachReading(series, after: after, request: request) { time, value in
        rows.append(HistoryRow(series: series, time: time, values: [value]))
        return rows.count <= request.limitRows
      }
      return
    }
    var from = request.from
    if let after, let length = request.resolution.length { from = max(from, after.time + length) }
    try forEachWindow(series, resolution: request.resolution, from: from, to: request.to) {
      start, state in
      rows.append(
        HistoryRow(
          series: series, time: start, values: request.functions.map { state.value(of: $0) }))
      return rows.count <= request.limitRows
    }
  }

  private func forEachReading(
    _ series: SeriesID, after: HistoryPosition?, request: HistoryRequest,
    _ body: (Timestamp, Double) -> Bool
  ) throws {
    var skip = after?.repeats ?? 0
    let from = after?.time ?? request.from
    var sql = "SELECT time, value FROM sample WHERE series = ? AND time >= ? AND time < ?"
    var arguments: StatementArguments = [
      series.number, from.microseconds, request.to.microseconds,
    ]
    if let since = request.sinceCommit {
      sql += " AND id > coalesce((SELECT lastRow FROM commitLog WHERE number = ?), 0)"
      arguments += [since.number]
    }
    if let through = request.throughCommit {
      sql += " AND id <= coalesce((SELECT max(lastRow) FROM commitLog WHERE number <= ?), 0)"
      arguments += [through.number]
    }
    let rows = try Row.fetchCursor(
      db.cachedStatement(sql: sql + " ORDER BY time, id"), arguments: arguments)
    while let row = try rows.next() {
      let time = Timestamp(microseconds: row[0])
      if skip > 0, time == from {
        skip -= 1
        continue
      }
      guard body(time, row[1]) else { return }
    }
  }

  /// Visits windows that begin in a span and hold a reading, oldest first, until told to stop.
  private func forEachWindow(
    _ series: SeriesID, resolution: Resolution, from: Timestamp, to: Timestamp,
    _ body: (Timestamp, WindowSummary) throws -> Bool
  ) throws {
    guard let length = resolution.length else { return }
    // Windows begin at whole multiples: from the first that begins in the span to the end of the last.
    let aligned = resolution.windowStart(of: from)
    let first = aligned < from ? aligned + length : aligned
    let lastStart = resolution.windowStart(of: to)
    let end = lastStart < to ? lastStart + length : lastStart
    let rows = try Row.fetchCursor(
      db.cachedStatement(
        sql: """
          SELECT time, value FROM sample WHERE series = ? AND time >= ? AND time < ?
          ORDER BY time, id
          """),
      arguments: [series.number, first.microseconds, end.microseconds])
    var current: (start: Timestamp, state: WindowSummary)?
    while let row = try rows.next() {
      let time = Timestamp(microseconds: row[0])
      let start = resolution.windowStart(of: time)
      if let done = current, done.start != start {
        guard try body(done.start, done.state) else { return }
        current = nil
      }
      var window = current ?? (start, WindowSummary(withSketch: withSketch))
      window.state.add(row[1], at: time)
      current = window
    }
    if let done = current { _ = try body(done.start, done.state) }
  }
}
