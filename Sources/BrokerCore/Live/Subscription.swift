package import TelemetryModel

/// What one reader asks to see; equal ones share a feed.
package struct Subscription: Hashable, Sendable {
  /// Which series.
  package var query: SeriesQuery
  /// Readings or windows.
  package var resolution: Resolution
  /// The columns of a window's row; empty for raw readings.
  package var functions: [AggregateFunction]
  /// Labels by which devices are merged, none for all of them together; nil where nothing is merged.
  /// Raw readings cannot be.
  package var groupBy: [String]?
  /// The most messages with rows in a second; nil for as many as there are. Nothing is left out for
  /// it: a message then has the rows of a longer time.
  package var maxRate: Double?

  /// Names all parts.
  package init(
    query: SeriesQuery, resolution: Resolution, functions: [AggregateFunction],
    groupBy: [String]? = nil, maxRate: Double? = nil
  ) {
    self.query = query
    self.resolution = resolution
    self.functions = resolution == .raw ? [] : functions
    self.groupBy = groupBy
    self.maxRate = maxRate
  }

  /// Whether labels decide what is in it, or where.
  var dependsOnLabels: Bool { !query.labels.isEmpty || groupBy?.isEmpty == false }

  /// Whether percentiles are asked for.
  var withSketch: Bool { functions.contains { $0.quantile != nil } }
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
