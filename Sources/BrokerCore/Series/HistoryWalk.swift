package import TelemetryModel

/// Walks through history slice by slice, so that an answer of any length takes the memory of a slice
/// and stops with whoever reads it.
///
/// Rows come by series (or group) in the order of their numbers, oldest first within one. Every slice
/// is one call of the store or a few; between two of them the walk looks whether its task was
/// cancelled. Raw readings are all as of the commit of the first slice; windows that are still
/// changing may be newer in a later slice.
package struct HistoryWalk: Sendable {
  /// What is to be walked through.
  package struct Plan: Sendable {
    /// Every series that is asked for, in the order of their numbers.
    package var series: [SeriesID]
    /// Groups of them, of which windows are to be merged; nil for the series themselves.
    package var groups: SeriesGroups?
    /// From this moment on (a window counts if it begins at or after it).
    package var from: Timestamp
    /// Up to but without this moment (a window counts if it begins before it).
    package var to: Timestamp
    /// Raw readings or windows; groups have windows only.
    package var resolution: Resolution
    /// The columns of a window's row; none for raw readings.
    package var functions: [AggregateFunction]
    /// The most rows there may be in all.
    package var limitRows: Int
    /// Where the walk before ended, or nil.
    package var after: HistoryPosition?
    /// The commit that the walk before was as of, for raw readings.
    package var throughCommit: CommitNumber?

    /// Names all parts.
    package init(
      series: [SeriesID], groups: SeriesGroups? = nil, from: Timestamp, to: Timestamp,
      resolution: Resolution, functions: [AggregateFunction], limitRows: Int,
      after: HistoryPosition? = nil, throughCommit: CommitNumber? = nil
    ) {
      self.series = series
      self.groups = groups
      self.from = from
      self.to = to
      self.resolution = resolution
      self.functions = functions
      self.limitRows = limitRows
      self.after = after
      self.throughCommit = throughCommit
    }
  }

  /// The most rows of one slice, for answers that go out as they are read.
  package static let sliceRows = 2_000
  /// About the most bytes of texts of one slice.
  static let sliceTextBytes = 1 << 20
  /// The most series that one call of the store is asked for.
  static let callSeries = 256
  /// About the most windows that one call of the store brings.
  static let callWindows = 20_000
  /// How many times longer than usual a look ahead over nothing may be: some decades of seconds.
  static let longestStride: Int64 = 1 << 20

  private let store: any SampleStore
  private let plan: Plan
  private let groups: [SeriesGroup]
  /// The series or group at hand.
  private var place = 0
  private var position: HistoryPosition?
  private var left: Int
  /// How many times longer than usual a slice of groups' windows is, where there is nothing in them.
  private var stride: Int64 = 1
  /// The commit that raw readings are as of; known after the first slice.
  package private(set) var commit: CommitNumber?
  /// Whether there is nothing more to come.
  package private(set) var isFinished = false
  /// Where the next walk is to go on because this one has given all rows it may; nil at the end.
  package private(set) var next: HistoryPosition?

  /// Begins a walk; nothing is read yet.
  package init(_ plan: Plan, store: any SampleStore) {
    self.plan = plan
    self.store = store
    groups = plan.groups?.all ?? []
    left = plan.limitRows
    commit = plan.throughCommit
    position = plan.after
    if let after = plan.after {
      let numbers = plan.groups == nil ? plan.series : groups.map(\.id)
      // What is gone is passed by; numbers only grow.
      place = numbers.firstIndex { $0 >= after.series } ?? numbers.count
      if place < numbers.count, numbers[place] != after.series || after.time == .distantPast {
        position = nil
      }
    }
    isFinished = place >= (plan.groups == nil ? plan.series.count : groups.count)
  }

  /// The rows of the next slice, possibly none.
  ///
  /// - Throws: ``StoreError``, `CancellationError`.
  package mutating func slice() async throws -> [HistoryRow] {
    var rows = try await read()
    guard rows.count >= left, left > 0 else {
      left -= rows.count
      return rows
    }
    if rows.count > left || (position != nil && plan.groups == nil) {
      rows.removeSubrange(left...)
      next = plan.groups == nil ? position : rows.last.map(HistoryWalk.position(after:))
    } else if let last = rows.last {
      try await lookForMore(after: last)
    }
    isFinished = true
    return rows
  }

  /// All rows that there may be are given; finds out whether there is one more.
  private mutating func lookForMore(after last: HistoryRow) async throws {
    left = 1
    while !isFinished {
      guard let first = try await read().first else { continue }
      next =
        first.series == last.series
        ? HistoryWalk.position(after: last) : HistoryWalk.start(of: first.series)
      return
    }
  }

  private mutating func read() async throws -> [HistoryRow] {
    try Task.checkCancellation()
    guard !isFinished else { return [] }
    return plan.groups == nil ? try await seriesSlice() : try await groupSlice()
  }

  private static func position(after row: HistoryRow) -> HistoryPosition {
    HistoryPosition(series: row.series, time: row.time, repeats: 0)
  }

  private static func start(of series: SeriesID) -> HistoryPosition {
    HistoryPosition(series: series, time: .distantPast, repeats: 0)
  }

  // MARK: - Series

  private mutating func seriesSlice() async throws -> [HistoryRow] {
    let end = min(place + HistoryWalk.callSeries, plan.series.count)
    var request = HistoryRequest(
      series: Array(plan.series[place..<end]), from: plan.from, to: plan.to,
      resolution: plan.resolution, functions: plan.functions,
      limitRows: min(HistoryWalk.sliceRows, left), after: position,
      throughCommit: plan.resolution == .raw ? commit : nil, withTexts: true)
    request.limitTextBytes = HistoryWalk.sliceTextBytes
    let page = try await store.history(request)
    if commit == nil { commit = page.commit }
    position = page.next
    if let next = page.next {
      place = plan.series[place..<end].firstIndex(of: next.series) ?? end
    } else {
      place = end
    }
    isFinished = place >= plan.series.count
    return page.rows
  }

  // MARK: - Groups

  private mutating func groupSlice() async throws -> [HistoryRow] {
    guard let length = plan.resolution.lengthMicroseconds, let groups = plan.groups else {
      isFinished = true
      return []
    }
    let group = self.groups[place]
    let windows = max(
      100, min(HistoryWalk.sliceRows, HistoryWalk.callWindows / group.members.count))
    let start = position.map { $0.time + .microseconds(length) } ?? plan.from
    let (span, overflow) = (Int64(windows) * length).multipliedReportingOverflow(by: stride)
    let end = min(plan.to, start + .microseconds(overflow ? .max : span))
    if stride > 1 {
      // A long look ahead only finds out whether there is anything: read at once, it might be a year.
      guard try await hasAny(group, from: start, to: end) else {
        return passed(end, of: group, length: length)
      }
      stride = max(1, stride / 4)
      return []
    }
    var merged = GroupedWindows(groups)
    let batch = max(1, HistoryWalk.callWindows / windows)
    for first in Swift.stride(from: 0, to: group.members.count, by: batch) {
      try Task.checkCancellation()
      let members = group.members[first..<min(first + batch, group.members.count)]
      let states = try await store.windows(
        of: Array(members), resolution: plan.resolution, from: start, to: end,
        withSketch: plan.functions.contains { $0.quantile != nil })
      if commit == nil { commit = states.commit }
      for entry in states.entries { merged.merge(entry) }
    }
    let rows = merged.takeAll().map { entry in
      HistoryRow(
        series: entry.series, time: entry.start,
        values: plan.functions.map { entry.summary.value(of: $0) })
    }
    if rows.isEmpty { return passed(end, of: group, length: length) }
    goOn(at: end, of: group, length: length)
    return rows
  }

  /// Nothing was measured up to a moment: looks further at once from there.
  private mutating func passed(
    _ end: Timestamp, of group: SeriesGroup, length: Int64
  ) -> [HistoryRow] {
    stride = min(stride * 2, HistoryWalk.longestStride)
    goOn(at: end, of: group, length: length)
    return []
  }

  private mutating func goOn(at end: Timestamp, of group: SeriesGroup, length: Int64) {
    guard end >= plan.to else {
      position = HistoryPosition(
        series: group.id, time: end - .microseconds(length), repeats: 0)
      return
    }
    place += 1
    position = nil
    stride = 1
    isFinished = place >= groups.count
  }

  /// Whether a group's devices have measured anything in a span.
  private func hasAny(
    _ group: SeriesGroup, from: Timestamp, to: Timestamp
  ) async throws -> Bool {
    for first in Swift.stride(from: 0, to: group.members.count, by: HistoryWalk.callSeries) {
      try Task.checkCancellation()
      let members = group.members[first..<min(first + HistoryWalk.callSeries, group.members.count)]
      let page = try await store.history(
        HistoryRequest(
          series: Array(members), from: from, to: to, resolution: plan.resolution,
          functions: [.count], limitRows: 1))
      if !page.rows.isEmpty { return true }
    }
    return false
  }
}
