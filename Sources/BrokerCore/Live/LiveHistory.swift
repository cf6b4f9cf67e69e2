import TelemetryModel

/// What a subscription's reader has missed, read from the store up to where its feed goes on.
struct LiveHistory {
  /// Rows from before the feed.
  struct Result {
    var rows: [HistoryRow] = []
    /// Windows that had been sent before the reader's cursor and have changed since.
    var amended: [HistoryRow] = []
    /// As of this commit, up to this frontier.
    var cursor: Cursor
    /// What could not be given.
    var lost: Lost?
  }

  /// A span of time that history was asked for and is not in it.
  struct Lost {
    var from: Timestamp
    var to: Timestamp
    var reason: String
  }

  let store: any SampleStore
  let subscription: Subscription

  /// Reads history for a feed whose windows from `frontier` on are live.
  func read(
    series: [SeriesID], since: Since, frontier: Timestamp, lastCommit: CommitNumber, now: Timestamp
  ) async throws -> Result {
    let end = subscription.resolution == .raw ? Timestamp.distantFuture : frontier
    switch since {
    case .now:
      return Result(cursor: Cursor(commit: lastCommit, frontier: frontier))
    case .time(let from):
      let page = try await page(series, from: from, to: end)
      return result(page, from: from, frontier: frontier)
    case .cursor(let cursor):
      return try await resume(series, cursor, to: end, frontier: frontier)
    }
  }

  /// Goes on from a cursor: what was committed after it, and windows that it changed.
  private func resume(
    _ series: [SeriesID], _ cursor: Cursor, to end: Timestamp, frontier: Timestamp
  ) async throws -> Result {
    let fresh = try await store.history(
      HistoryRequest(
        series: series, from: .distantPast, to: .distantFuture, resolution: .raw, functions: [],
        limitRows: LiveHub.maxHistoryRows, sinceCommit: cursor.commit))
    // Commits are told apart for some minutes only; what came in between is said to be missing.
    let isTooOld = fresh.completeSince.map { $0 > cursor.commit } ?? false
    guard subscription.resolution != .raw else {
      var result = result(fresh, from: cursor.frontier, frontier: frontier)
      if isTooOld {
        result.lost = Lost(from: cursor.frontier, to: frontier, reason: "cursor too old")
      }
      return result
    }
    let page = try await page(series, from: cursor.frontier, to: end)
    var result = result(page, from: cursor.frontier, frontier: frontier)
    var changed: Set<FeedMachine.WindowKey> = []
    for row in fresh.rows {
      let start = subscription.resolution.windowStart(of: row.time)
      if start < cursor.frontier { changed.insert(.init(series: row.series, start: start)) }
    }
    let machine = FeedMachine(
      resolution: subscription.resolution, functions: subscription.functions, now: frontier)
    result.amended = try await windows(changed, machine: machine)
    if isTooOld, result.lost == nil {
      // The windows since the cursor are complete; of those before it, late readings may be missing.
      result.lost = Lost(
        from: Timestamp(microseconds: 0), to: cursor.frontier, reason: "cursor too old")
    }
    return result
  }

  /// Reads single windows whole.
  func windows(
    _ keys: Set<FeedMachine.WindowKey>, machine: FeedMachine
  ) async throws -> [HistoryRow] {
    guard let length = subscription.resolution.length else { return [] }
    var rows: [HistoryRow] = []
    let bySeries = Dictionary(grouping: keys, by: \.series)
    for (series, keys) in bySeries.sorted(by: { $0.key < $1.key }) {
      for key in keys.sorted(by: { $0.start < $1.start }) {
        let states = try await store.windows(
          of: [series], resolution: subscription.resolution, from: key.start,
          to: key.start + length, withSketch: machine.withSketch)
        rows += states.entries.map { machine.row(key, $0.summary) }
      }
    }
    return rows
  }

  private func page(
    _ series: [SeriesID], from: Timestamp, to: Timestamp
  ) async throws -> HistoryPage {
    try await store.history(
      HistoryRequest(
        series: series, from: from, to: to, resolution: subscription.resolution,
        functions: subscription.functions, limitRows: LiveHub.maxHistoryRows))
  }

  private func result(_ page: HistoryPage, from: Timestamp, frontier: Timestamp) -> Result {
    var result = Result(
      rows: page.rows.sorted { ($0.time, $0.series) < ($1.time, $1.series) },
      cursor: Cursor(commit: page.commit, frontier: frontier))
    if page.next != nil {
      result.lost = Lost(
        from: from, to: frontier, reason: "more history than one subscription gets")
    }
    return result
  }
}
