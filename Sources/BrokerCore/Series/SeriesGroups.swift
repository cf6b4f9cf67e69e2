package import TelemetryModel

/// Series of several devices that are looked at as one: the same metric in the same unit, on devices
/// whose labels have the same values (`groupBy`).
package struct SeriesGroup: Hashable, Sendable {
  /// A label that groups are made by, and what it says; nil where the devices do not carry it.
  package struct Label: Hashable, Sendable {
    /// The label.
    package var name: String
    /// Its value, or nil.
    package var value: String?
  }

  /// The number that rows refer to: that of the group's oldest series. As long as no labels change
  /// it stays, since a series that joins is younger.
  package fileprivate(set) var id: SeriesID
  /// What all of its series measure.
  package let metric: MetricName
  /// What they measure it in.
  package let unit: String?
  /// The labels that were asked for, in that order.
  package let labels: [Label]
  /// Its series, oldest first.
  package fileprivate(set) var members: [SeriesID]
}

/// Sorts series into groups by labels of their devices.
///
/// A device without one of the labels is in the group in which that label is nil, so that nothing is
/// left out of a sum.
package struct SeriesGroups: Sendable {
  private struct Key: Hashable {
    var metric: MetricName
    var unit: String?
    var values: [String?]
  }

  /// The labels that groups are made by.
  package let names: [String]
  private var groups: [SeriesGroup] = []
  private var byKey: [Key: Int] = [:]
  private var bySeries: [SeriesID: Int] = [:]

  /// No series yet; groups will be made by these labels.
  package init(by names: [String]) {
    self.names = names
  }

  /// All groups, in the order of their numbers.
  package var all: [SeriesGroup] { groups.sorted { $0.id < $1.id } }

  /// How many groups there are.
  package var count: Int { groups.count }

  /// Takes a series with the labels of its device into the group it belongs to; returns the group if
  /// that is new. Adding a series again changes nothing.
  @discardableResult
  package mutating func add(
    _ series: Series, labels: [String: String]
  ) -> SeriesGroup? {
    guard bySeries[series.id] == nil else { return nil }
    let key = Key(metric: series.metric, unit: series.unit, values: names.map { labels[$0] })
    if let index = byKey[key] {
      bySeries[series.id] = index
      groups[index].members.append(series.id)
      if series.id < groups[index].id {
        groups[index].members.sort()
        groups[index].id = series.id
      }
      return nil
    }
    let group = SeriesGroup(
      id: series.id, metric: series.metric, unit: series.unit,
      labels: zip(names, key.values).map { SeriesGroup.Label(name: $0, value: $1) },
      members: [series.id])
    byKey[key] = groups.count
    bySeries[series.id] = groups.count
    groups.append(group)
    return group
  }

  /// The group of a series that was added.
  package subscript(series: SeriesID) -> SeriesGroup? {
    bySeries[series].map { groups[$0] }
  }

  /// The number of the group of a series that was added.
  package func id(of series: SeriesID) -> SeriesID? {
    bySeries[series].map { groups[$0].id }
  }
}
