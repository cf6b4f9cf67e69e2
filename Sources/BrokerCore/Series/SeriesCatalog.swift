import Synchronization
package import TelemetryModel

/// Every series known, found by device and metric or by number.
///
/// Read by many threads, written by the ingest pipeline only. The lock is held for look-ups in
/// memory, never across an `await`. A series becomes visible here before the commit that makes it
/// durable; its number is never handed out twice even if that commit fails.
package final class SeriesCatalog: Sendable {
  fileprivate struct State {
    var byNumber: [SeriesID: Series] = [:]
    var byDevice: [DeviceID: [String: SeriesID]] = [:]
    var last: Int64 = 0
  }

  /// What looking up a reading's series came to.
  package enum Lookup: Hashable, Sendable {
    /// The series was known.
    case known(SeriesID)
    /// It was new, and has just been given this number.
    case added(Series)
    /// The metric exists under another unit; readings of it would be a silent mix.
    case unitChanged(was: String?)
  }

  private let state = Mutex(State())

  /// Starts with what the store holds.
  package init(_ known: [Series] = []) {
    state.withLock { state in
      for series in known {
        state.insert(series)
      }
    }
  }

  /// Finds the series of a device's metric, adding it if it is new.
  ///
  /// A unit that differs from the one first seen is refused, never mixed. `kind` is that of a series
  /// that is new.
  package func resolve(
    device: DeviceID, metric: MetricName, unit: String?, kind: Series.Kind = .number
  ) -> Lookup {
    state.withLock { state in
      if let found = state.find(device, metric, unit) { return found }
      let series = Series(
        id: SeriesID(state.last + 1), device: device, metric: metric, unit: unit, kind: kind)
      state.insert(series)
      return .added(series)
    }
  }

  /// Finds the series of a device's metric without adding it; nil where there is none.
  package func find(device: DeviceID, metric: MetricName, unit: String?) -> Lookup? {
    state.withLock { $0.find(device, metric, unit) }
  }

  /// The series with this number, if there is one.
  package subscript(id: SeriesID) -> Series? {
    state.withLock { $0.byNumber[id] }
  }

  /// Every series that a predicate takes, by age.
  package func all(where predicate: (Series) -> Bool) -> [Series] {
    let everything = state.withLock { Array($0.byNumber.values) }
    return everything.filter(predicate).sorted { $0.id < $1.id }
  }

  /// Every series of a device, by age.
  package func series(of device: DeviceID) -> [Series] {
    state.withLock { state in
      (state.byDevice[device] ?? [:]).values.compactMap { state.byNumber[$0] }
    }.sorted { $0.id < $1.id }
  }

  /// How many series there are.
  package var count: Int {
    state.withLock { $0.byNumber.count }
  }
}

extension SeriesCatalog.State {
  fileprivate func find(
    _ device: DeviceID, _ metric: MetricName, _ unit: String?
  ) -> SeriesCatalog.Lookup? {
    guard let id = byDevice[device]?[metric.string], let series = byNumber[id] else { return nil }
    return series.unit == unit ? .known(id) : .unitChanged(was: series.unit)
  }

  fileprivate mutating func insert(_ series: Series) {
    byNumber[series.id] = series
    byDevice[series.device, default: [:]][series.metric.string] = series.id
    last = max(last, series.id.number)
  }
}
