package import TelemetryModel

/// What one reader asks to see; equal ones share a feed.
package struct Subscription: Hashable, Sendable {
  /// Which series.
  package var query: SeriesQuery
  /// Readings or windows.
  package var resolution: Resolution
  /// The columns of a window's row; empty for raw readings.
  package var functions: [AggregateFunction]

  /// Names all parts.
  package init(query: SeriesQuery, resolution: Resolution, functions: [AggregateFunction]) {
    self.query = query
    self.resolution = resolution
    self.functions = resolution == .raw ? [] : functions
  }
}

/// How far a reader has seen: everything up to a commit, and every window that begins before a
/// moment. Opaque to clients; written as `COMMIT-MICROSECONDS`.
package struct Cursor: Hashable, Sendable, CustomStringConvertible {
  /// The newest commit seen.
  package var commit: CommitNumber
  /// Windows that begin before this were seen.
  package var frontier: Timestamp

  /// Names both parts.
  package init(commit: CommitNumber, frontier: Timestamp) {
    self.commit = commit
    self.frontier = frontier
  }

  /// Reads what ``description`` wrote; nil for anything else.
  package init?(_ text: String) {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 2, let commit = Int64(parts[0]), let frontier = Int64(parts[1]),
      commit >= 0, frontier >= 0
    else { return nil }
    self.init(commit: CommitNumber(commit), frontier: Timestamp(microseconds: frontier))
  }

  /// The wire form.
  package var description: String { "\(commit)-\(frontier.microseconds)" }
}

/// Where a subscription's history is to begin.
package enum Since: Hashable, Sendable {
  /// Nothing from before the subscription.
  case now
  /// From a moment on.
  case time(Timestamp)
  /// From where an earlier subscription to the same things stood.
  case cursor(Cursor)
}
