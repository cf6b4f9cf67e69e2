import BrokerCore
import GRDB
import TelemetryModel

/// Reads rows and windows within one snapshot: what is folded from the file, the rest from the head.
/// Lives no longer than its `Database` access.
struct SQLiteHistory {
  private let view: Head.View
  private let progress: SQLiteProgress
  private let chunks: SQLiteChunks
  private let windows: SQLiteWindows
  private let texts: SQLiteTexts
  private let parking: SQLiteParking
  private let withSketch: Bool

  /// The view must have been taken before the snapshot, and hold every commit that this is folded to.
  init(_ db: Database, view: Head.View, progress: SQLiteProgress, withSketch: Bool) {
    self.view = view
    self.progress = progress
    self.withSketch = withSketch
    chunks = SQLiteChunks(db: db)
    windows = SQLiteWindows(db: db)
    texts = SQLiteTexts(db: db)
    parking = SQLiteParking(db: db)
  }

  func page(_ request: HistoryRequest) throws -> HistoryPage {
    var request = request
    if request.withTexts, try !texts.areThere() { request.withTexts = false }
    var page = PageRows(request)
    for series in remaining(request) {
      let after = request.after?.series == series ? request.after : nil
      try append(series, after: after, request: request, to: &page)
      if page.isFull { break }
    }
    let since = completeSince(request)
    guard page.isFull else {
      return HistoryPage(commit: view.last, rows: page.rows, next: nil, completeSince: since)
    }
    page.cut()
    return HistoryPage(
      commit: view.last, rows: page.rows, next: position(page.rows, after: request.after),
      completeSince: since)
  }

  func states(
    of series: [SeriesID], resolution: Resolution, from: Timestamp, to: Timestamp
  ) throws -> WindowStates {
    var entries: [WindowStates.Entry] = []
    for series in series {
      try forEachWindow(series, resolution: resolution, from: from, to: to) {
        entries.append(WindowStates.Entry(series: series, start: $0.start, summary: $0.summary))
        return true
      }
    }
    return WindowStates(commit: view.last, entries: entries)
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
      repeats = repeats.addingSaturating(after.repeats)
    }
    return HistoryPosition(series: last.series, time: last.time, repeats: repeats)
  }

  /// Commits are told apart only until they are folded.
  private func completeSince(_ request: HistoryRequest) -> CommitNumber? {
    guard let since = request.sinceCommit else { return nil }
    return request.series.reduce(since) { max($0, progress.folded($1)) }
  }

  /// Appends a series' rows, one more than the limit at the most.
  private func append(
    _ series: SeriesID, after: HistoryPosition?, request: HistoryRequest, to page: inout PageRows
  ) throws {
    guard request.resolution != .raw else {
      return try appendRaw(series, after: after, request: request, to: &page)
    }
    var from = request.from
    if let after, let length = request.resolution.length { from = max(from, after.time + length) }
    if let level = WindowLevel(request.resolution) {
      guard let span = WindowSpan(request.resolution, from: from, to: request.to) else { return }
      // Only for the first series: to reserve again and again is to copy again and again.
      if page.rows.isEmpty {
        page.rows.reserveCapacity(Int(min(span.count(level), Int64(request.limitRows), 50_000)))
      }
      return try windows.forEachValue(
        series, level, from: span.first, to: span.last,
        added: try open(series, request.resolution, span), functions: request.functions
      ) { start, values in
        page.rows.append(HistoryRow(series: series, time: start, values: values))
        return page.rows.count <= request.limitRows
      }
    }
    try forEachWindow(series, resolution: request.resolution, from: from, to: request.to) {
      window in
      page.rows.append(
        HistoryRow(
          series: series, time: window.start,
          values: request.functions.map { window.summary.value(of: $0) }))
      return page.rows.count <= request.limitRows
    }
  }

  /// Appends a series' readings; texts stand behind numbers of the same time.
  private func appendRaw(
    _ series: SeriesID, after: HistoryPosition?, request: HistoryRequest, to page: inout PageRows
  ) throws {
    var skip = after?.repeats ?? 0
    let from = after?.time ?? request.from
    var texts: SQLiteTexts.Rows?
    if request.withTexts {
      texts = try self.texts.rows(
        of: series, from: from, to: request.to, after: request.sinceCommit ?? CommitNumber(0),
        through: min(view.last, request.throughCommit ?? view.last))
    }
    func take(_ row: HistoryRow) -> Bool {
      if skip > 0, row.time == from {
        skip -= 1
      } else {
        page.append(row)
      }
      return !page.isFull
    }
    try forEachReading(
      series, from: from, to: request.to, sinceCommit: request.sinceCommit,
      throughCommit: request.throughCommit
    ) { reading in
      while let text = try texts?.pop(before: reading.time) {
        guard take(text) else { return false }
      }
      return take(
        HistoryRow(
          series: series, time: reading.time, values: [reading.value], quality: reading.quality,
          received: reading.received))
    }
    while !page.isFull, let text = try texts?.pop() { _ = take(text) }
  }

  /// Visits a series' readings of a span in order of time, those of one time as they came, until told
  /// to stop.
  private func forEachReading(
    _ series: SeriesID, from: Timestamp, to: Timestamp, sinceCommit: CommitNumber? = nil,
    throughCommit: CommitNumber? = nil, _ body: (Reading) throws -> Bool
  ) throws {
    let folded = progress.folded(series)
    var fresh = sinceCommit == nil ? try parking.readings(of: series) : []
    fresh += view.readings(
      of: series, after: max(folded, sinceCommit ?? folded), through: throughCommit)
    fresh.removeAll { $0.time < from || $0.time >= to }
    fresh.sortByTime()
    var rest = fresh[...]
    var goesOn = true
    func visit(_ readings: [Reading]) throws {
      for reading in readings where reading.time >= from && reading.time < to {
        while goesOn, let next = rest.first, next.time < reading.time {
          goesOn = try body(next)
          rest.removeFirst()
        }
        guard goesOn else { return }
        goesOn = try body(reading)
        guard goesOn else { return }
      }
    }
    if sinceCommit == nil {
      try chunks.forEachChunk(of: series, from: from, to: to) { readings in
        try visit(readings)
        return goesOn
      }
      if goesOn, let tail = try chunks.tail(of: series, from: from, to: to) {
        try visit(tail.readings)
      }
    }
    while goesOn, let next = rest.popFirst() { goesOn = try body(next) }
  }

  /// Visits windows that begin in a span and hold a reading, oldest first, until told to stop.
  private func forEachWindow(
    _ series: SeriesID, resolution: Resolution, from: Timestamp, to: Timestamp,
    _ body: (StoredWindow) throws -> Bool
  ) throws {
    guard let span = WindowSpan(resolution, from: from, to: to) else { return }
    guard let level = WindowLevel(resolution) else {
      return try forEachMadeWindow(series, resolution: resolution, span, body)
    }
    try windows.forEachWindow(
      series, level, from: span.first, to: span.last, added: try open(series, resolution, span),
      withSketch: withSketch, body)
  }

  /// What the open tail, readings beside damaged blocks and the head add to stored windows.
  private func open(
    _ series: SeriesID, _ resolution: Resolution, _ span: WindowSpan
  ) throws -> [StoredWindow] {
    var windows = TumblingWindows(resolution, withSketch: withSketch)
    let tail = try chunks.tail(of: series, from: span.first, to: span.end)?.readings ?? []
    let parked = try parking.readings(of: series)
    for reading in tail + parked + view.readings(of: series, after: progress.folded(series))
    where reading.time >= span.first && reading.time < span.end {
      windows.add(reading.value, at: reading.time)
    }
    return WindowChanges.take(&windows)
  }

  /// Makes windows of the readings that are still kept.
  private func forEachMadeWindow(
    _ series: SeriesID, resolution: Resolution, _ span: WindowSpan,
    _ body: (StoredWindow) throws -> Bool
  ) throws {
    var current: StoredWindow?
    var goesOn = true
    try forEachReading(series, from: span.first, to: span.end) { reading in
      let start = resolution.windowStart(of: reading.time)
      if let done = current, done.start != start {
        goesOn = try body(done)
        current = nil
        guard goesOn else { return false }
      }
      var window =
        current ?? StoredWindow(start: start, summary: WindowSummary(withSketch: withSketch))
      window.summary.add(reading.value, at: reading.time)
      current = window
      return true
    }
    if goesOn, let done = current { _ = try body(done) }
  }
}

/// The rows of one page, as they come together.
private struct PageRows {
  var rows: [HistoryRow] = []
  private var textBytes = 0
  private let limitRows: Int
  private let limitTextBytes: Int

  init(_ request: HistoryRequest) {
    limitRows = request.limitRows
    limitTextBytes = request.limitTextBytes
  }

  /// Whether it ends here: with one row more than it may have, or with as many bytes of texts.
  var isFull: Bool { rows.count > limitRows || textBytes > limitTextBytes }

  mutating func append(_ row: HistoryRow) {
    if let text = row.text { textBytes += text.byteCount }
    rows.append(row)
  }

  /// Takes out the row that is one too many.
  mutating func cut() {
    if rows.count > limitRows { rows.removeSubrange(limitRows...) }
  }
}

/// The windows that begin in a span of time, which are whole even where the span cuts the last.
private struct WindowSpan {
  /// The start of the first.
  var first: Timestamp
  /// The start of the last.
  var last: Timestamp
  /// The end of the last.
  var end: Timestamp

  /// Nil where there are none, or the resolution has no windows.
  init?(_ resolution: Resolution, from: Timestamp, to: Timestamp) {
    guard let length = resolution.length, from < to else { return nil }
    let aligned = resolution.windowStart(of: from)
    first = aligned < from ? aligned + length : aligned
    last = resolution.windowStart(of: to)
    if last == to { last = last - length }
    end = last + length
  }

  /// How many windows there may be; saturates.
  func count(_ level: WindowLevel) -> Int64 {
    let (span, overflow) = end.microseconds.subtractingReportingOverflow(first.microseconds)
    return overflow ? .max : max(0, span / level.lengthMicroseconds)
  }
}
