import TelemetryModel

/// What one subscription shows of the past, read from the store in steps.
struct LiveHistory: Sendable {
  /// A span of time that history was asked for and is not in it.
  struct Lost {
    var from: Timestamp
    var to: Timestamp
    var reason: String
  }

  /// A part of the past.
  struct Step {
    /// Ordered by time and then by series.
    var rows: [HistoryRow] = []
    /// How much they are, in rows of numbers.
    var size = 0
    /// Where a reader is that has read them.
    var place: Cursor
    var lost: Lost?
    /// Whether the commits that were asked for are not told apart any more; nothing was read then.
    var isTooOld = false
  }

  /// Readings lie no further than this ahead of the clock.
  private static let reach: Duration = .seconds(900)

  let store: any SampleStore
  let subscription: Subscription
  /// In the order of their numbers.
  let members: [SeriesID]
  let groups: SeriesGroups?
  let limits: LiveLimits

  // MARK: - Windows

  /// Windows from a reader's place on, up to the present, or for as long as a step covers.
  func windows(_ catchUp: inout CatchUp, until present: Cursor) async throws -> Step {
    let position = catchUp.position
    var place = position
    place.frontier = present.frontier
    place.place = nil
    place.through = nil
    guard let length = subscription.resolution.lengthMicroseconds,
      position.frontier < present.frontier
    else { return Step(place: place) }
    while true {
      let stride = max(1, catchUp.strideMicroseconds / length) * length
      place.frontier = min(present.frontier, position.frontier + .microseconds(stride))
      let count = max(1, (place.frontier - position.frontier).wholeMicroseconds / length)
      guard
        var rows = try await windows(from: position.frontier, to: place.frontier, count: count)
      else {
        catchUp.shorten()
        continue
      }
      if position.place != nil { rows.removeAll { position.hasSeen($0) } }
      return Step(rows: rows, size: rows.count, place: place)
    }
  }

  /// So many windows of each series or group; nil where that is more than a step may have. One of each
  /// never is.
  private func windows(
    from: Timestamp, to: Timestamp, count: Int64
  ) async throws -> [HistoryRow]? {
    guard !members.isEmpty else { return [] }
    if let groups { return try await windows(of: groups, from: from, to: to, count: count) }
    let page = try await store.history(
      HistoryRequest(
        series: members, from: from, to: to, resolution: subscription.resolution,
        functions: subscription.functions,
        limitRows: max(limits.longestStepRows, members.count)))
    guard page.next == nil else { return nil }
    return page.rows.sorted { ($0.time, $0.series) < ($1.time, $1.series) }
  }

  private func windows(
    of groups: SeriesGroups, from: Timestamp, to: Timestamp, count: Int64
  ) async throws -> [HistoryRow]? {
    let most = min(
      limits.longestStepRows / max(1, groups.count), limits.stepWindows / members.count)
    if count > 1, count > most {
      // So many may be none.
      let probe = try await store.history(
        HistoryRequest(
          series: members, from: from, to: to, resolution: subscription.resolution,
          functions: [.count], limitRows: 1))
      return probe.rows.isEmpty ? [] : nil
    }
    var merged = GroupedWindows(groups)
    let batch = max(1, HistoryWalk.callWindows / Int(clamping: count))
    for first in stride(from: 0, to: members.count, by: batch) {
      let states = try await store.windows(
        of: Array(members[first..<min(first + batch, members.count)]),
        resolution: subscription.resolution, from: from, to: to,
        withSketch: subscription.withSketch)
      for entry in states.entries { merged.merge(entry) }
    }
    return merged.takeAll().map(row)
  }

  private func row(_ entry: WindowStates.Entry) -> HistoryRow {
    HistoryRow(
      series: entry.series, time: entry.start,
      values: subscription.functions.map { entry.summary.value(of: $0) })
  }

  /// Single windows, whole, as they are now; of groups, where there are any.
  func windows(_ keys: Set<WindowTable.Key>) async throws -> [HistoryRow] {
    guard let length = subscription.resolution.length else { return [] }
    let byGroup = groups.map { Dictionary($0.all.map { ($0.id, $0.members) }) { one, _ in one } }
    var rows: [HistoryRow] = []
    // Neighbours are read together: late readings mostly come as a stretch of time.
    for span in WindowSpans(keys, length: length) {
      let series = byGroup.map { groups in span.series.flatMap { groups[$0] ?? [] } } ?? span.series
      let states = try await store.windows(
        of: series.sorted(), resolution: subscription.resolution, from: span.from, to: span.to,
        withSketch: subscription.withSketch)
      let entries = groups.map { GroupedWindows.merged(states.entries, by: $0) } ?? states.entries
      rows += entries.filter { keys.contains(.init(series: $0.series, start: $0.start)) }.map(row)
    }
    return rows.sorted { ($0.time, $0.series) < ($1.time, $1.series) }
  }

  /// The windows before a cursor that readings committed after it have changed, and the commit that this
  /// is known up to; nil where those commits are not told apart any more, or there are too many.
  func changes(
    since cursor: Cursor
  ) async throws -> (keys: Set<WindowTable.Key>, through: CommitNumber)? {
    var keys: Set<WindowTable.Key> = []
    var through: CommitNumber?
    var after: HistoryPosition?
    repeat {
      let page = try await store.history(
        HistoryRequest(
          series: members, from: .distantPast, to: .distantFuture, resolution: .raw,
          functions: [], limitRows: limits.longestStepRows, after: after,
          sinceCommit: cursor.commit))
      if let complete = page.completeSince, complete > cursor.commit { return nil }
      for row in page.rows {
        let key = WindowTable.Key(
          series: groups == nil ? row.series : groups?.id(of: row.series) ?? .none,
          start: subscription.resolution.windowStart(of: row.time))
        if cursor.hasSeen(key) { keys.insert(key) }
      }
      guard keys.count <= limits.waitingLateWindows else { return nil }
      if through == nil { through = page.commit }
      after = page.next
    } while after != nil
    return (keys, through ?? cursor.commit)
  }

  // MARK: - Readings

  /// Readings from a reader's place on, up to the present, or for as long as a step covers.
  func readings(
    _ catchUp: inout CatchUp, until present: Cursor, now: Timestamp
  ) async throws -> Step {
    var position = catchUp.position
    if position.through == nil {
      guard position.commit < present.commit else { return Step(place: present) }
      position = Cursor(
        commit: position.commit, frontier: LiveHistory.beginning, place: SeriesID.none,
        through: present.commit, run: position.run)
    }
    // Late readings may be of any age: all of them are one step, if that is not too much.
    let usual = catchUp.strideMicroseconds
    let isFirst = position.frontier == LiveHistory.beginning
    if isFirst { catchUp.cover(now - LiveHistory.reach - position.frontier) }
    var isShortened = false
    while true {
      var to = position.frontier + .microseconds(catchUp.strideMicroseconds)
      if to > now + LiveHistory.reach { to = .distantFuture }
      let read = try await readings(position, to: to)
      if read.isTooOld { return Step(place: position, isTooOld: true) }
      if !read.isWhole {
        isShortened = true
        if catchUp.shorten() { continue }
        return step(at: position, read.rows)
      }
      if isFirst, !isShortened { catchUp.cover(.microseconds(usual)) }
      var place = position
      place.frontier = to
      place.place = SeriesID.none
      if to == .distantFuture {
        place = Cursor(
          commit: position.through ?? present.commit, frontier: now, run: position.run)
      }
      return Step(rows: read.rows, size: read.rows.reduce(0) { $0 + $1.size }, place: place)
    }
  }

  static let tooMuch = "more history than one subscription gets"
  /// Before every reading that there may be.
  private static let beginning = Timestamp(microseconds: 0)

  /// What was read of one moment that has more than a step: series by series, as far as they are whole.
  private func step(at position: Cursor, _ read: [HistoryRow]) -> Step {
    var place = position
    guard let last = read.last?.series else { return Step(place: place) }
    let rows = read.filter { $0.series < last }
    if rows.isEmpty {
      // A cursor cannot stand between readings of one series and one moment.
      place.place = SeriesID(last.number + 1)
      return Step(
        place: place,
        lost: Lost(
          from: position.frontier, to: position.frontier, reason: LiveHistory.tooMuch))
    }
    place.place = last
    return Step(rows: rows, size: rows.reduce(0) { $0 + $1.size }, place: place)
  }

  private struct Read {
    var rows: [HistoryRow] = []
    /// Whether there are no more of that span.
    var isWhole = true
    var isTooOld = false
  }

  /// Reads as much of a span as a step may be: all of it in the order of time, or else the beginning in
  /// the order of series.
  private func readings(_ position: Cursor, to: Timestamp) async throws -> Read {
    var wanted = members
    // Within a moment the order is that of series.
    if to - position.frontier <= .microseconds(1), let place = position.place {
      wanted.removeAll { $0 < place }
    }
    guard !wanted.isEmpty else { return Read() }
    let since = position.commit.number == 0 ? nil : position.commit
    let from = position.frontier == LiveHistory.beginning ? .distantPast : position.frontier
    var request = HistoryRequest(
      series: wanted, from: from, to: to, resolution: .raw, functions: [],
      limitRows: limits.longestStepRows, sinceCommit: since, throughCommit: position.through,
      withTexts: true)
    request.limitTextBytes = limits.longestStepRows * HistoryRow.textBytes
    let page = try await store.history(request)
    if let since, let complete = page.completeSince, complete > since {
      return Read(isTooOld: true)
    }
    guard page.next == nil else { return Read(rows: page.rows, isWhole: false) }
    var rows = page.rows
    rows.removeAll { position.hasSeen($0) }
    rows.sort { ($0.time, $0.series) < ($1.time, $1.series) }
    return Read(rows: rows)
  }

  /// From where on there are no more readings than one subscription gets of the past.
  func firstReading(since from: Timestamp, now: Timestamp) async throws -> Timestamp {
    let span = (now - from).wholeMicroseconds
    let lengths: [Resolution] = [.s10, .m1, .m10, .h1]
    let resolution =
      lengths.first { resolution in
        guard let length = resolution.lengthMicroseconds else { return false }
        return Double(span) / Double(length) * Double(members.count) <= 100_000
      } ?? .d1
    guard span > 0, !members.isEmpty else { return from }
    let page = try await store.history(
      HistoryRequest(
        series: members, from: from, to: .distantFuture, resolution: resolution,
        functions: [.count], limitRows: 1_000_000))
    var counts: [Timestamp: Double] = [:]
    for row in page.rows { counts[row.time, default: 0] += row.values.first.flatMap { $0 } ?? 0 }
    var sum = 0.0
    var first: Timestamp?
    for (start, count) in counts.sorted(by: { $0.key > $1.key }) {
      sum += count
      if sum > Double(limits.historyReadings), let first { return max(first, from) }
      first = start
    }
    return from
  }
}

/// Windows in stretches of time, so that neighbours can be read together.
struct WindowSpans: Sequence {
  /// A stretch, and whose windows are in it.
  struct Span {
    var from: Timestamp
    var to: Timestamp
    var series: [SeriesID]
  }

  private var spans: [Span] = []

  /// The longest stretch of so many series, in windows.
  private static func longest(_ series: Int) -> Int64 {
    Swift.max(1, Swift.min(1_000, 50_000 / Int64(series + 1)))
  }
  /// The longest hole within one, in windows.
  private static let hole: Int64 = 8

  init(_ keys: Set<WindowTable.Key>, length: Duration) {
    var series: Set<SeriesID> = []
    var current: (from: Timestamp, to: Timestamp)?
    func end(_ span: (from: Timestamp, to: Timestamp), _ spans: inout [Span]) {
      spans.append(Span(from: span.from, to: span.to, series: series.sorted()))
      series.removeAll()
    }
    for key in keys.sorted(by: { $0.start < $1.start }) {
      let keyEnd = key.start + length
      if let span = current {
        if key.start <= span.to + length * WindowSpans.hole,
          keyEnd - span.from <= length * WindowSpans.longest(series.count)
        {
          current = (span.from, Swift.max(span.to, keyEnd))
        } else {
          end(span, &spans)
          current = (key.start, keyEnd)
        }
      } else {
        current = (key.start, keyEnd)
      }
      series.insert(key.series)
    }
    if let current { end(current, &spans) }
  }

  func makeIterator() -> IndexingIterator<[Span]> { spans.makeIterator() }
}
