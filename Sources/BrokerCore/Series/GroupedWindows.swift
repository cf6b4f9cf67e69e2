import TelemetryModel

/// Windows of groups, merged from the windows of their series: counts and sums add up, means and
/// deviations are weighted by how many readings there were, percentiles come from merged sketches.
/// A mean of means is never made.
///
/// A pure value. Whoever wants percentiles puts in windows with sketches; one without takes the
/// sketch off the merged window, so that no percentile is ever one of a part.
package struct GroupedWindows: Sendable {
  private struct Key: Hashable {
    var group: SeriesID
    var start: Timestamp
  }

  private var groups: SeriesGroups
  private var windows: [Key: WindowSummary] = [:]

  /// No windows yet.
  package init(_ groups: SeriesGroups) {
    self.groups = groups
  }

  /// Whether there are no windows.
  package var isEmpty: Bool { windows.isEmpty }

  /// How many there are.
  package var count: Int { windows.count }

  /// From now on merges into these groups; what was merged before stays as it is.
  package mutating func regroup(_ groups: SeriesGroups) { self.groups = groups }

  /// Merges one window of a series into its group's; of no effect for series of no group. Each
  /// window of a series goes in once, whole or in parts.
  package mutating func merge(_ entry: WindowStates.Entry) {
    guard !entry.summary.isEmpty, let group = groups.id(of: entry.series) else { return }
    let key = Key(group: group, start: entry.start)
    if windows[key]?.merge(entry.summary) == nil { windows[key] = entry.summary }
  }

  /// Takes out all windows, by time and then by group; their series are the groups' numbers.
  package mutating func takeAll() -> [WindowStates.Entry] {
    let taken = windows
    windows.removeAll(keepingCapacity: true)
    return
      taken
      .map { WindowStates.Entry(series: $0.key.group, start: $0.key.start, summary: $0.value) }
      .sorted { ($0.start, $0.series) < ($1.start, $1.series) }
  }

  /// The windows of groups that windows of their series make, by time and then by group.
  package static func merged(
    _ entries: some Sequence<WindowStates.Entry>, by groups: SeriesGroups
  ) -> [WindowStates.Entry] {
    var windows = GroupedWindows(groups)
    for entry in entries { windows.merge(entry) }
    return windows.takeAll()
  }
}
