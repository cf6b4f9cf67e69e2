import BrokerCore
import DeviceProtocol
import TelemetryModel

/// A store of readings in an array, and windows made of them on every call: slow and obvious.
struct MemoryStore: SampleStore {
  var readings: [Sample]
  var commit = CommitNumber(7)
  /// Is told how many windows each call brought.
  var brought: @Sendable (Int) -> Void = { _ in }

  func open() -> StoreContents {
    StoreContents(lastCommit: commit, series: [], devices: [])
  }

  func commit(_ batch: IngestBatch) throws {
    throw StoreError.unavailable("this store is only read")
  }

  func ackedRanges(device: DeviceID, epoch: String) -> SequenceRanges { SequenceRanges() }

  func gaps(devices: [DeviceID], from: Timestamp, to: Timestamp) -> [StoredGap] { [] }

  func sizeBytes() -> Int64 { 0 }

  func close() {}

  func history(_ request: HistoryRequest) -> HistoryPage {
    var rows = rows(request)
    if let after = request.after, let place = request.series.firstIndex(of: after.series) {
      let later = Set(request.series[(place + 1)...])
      let repeats = rows.filter { $0.series == after.series && $0.time == after.time }
      rows.removeAll {
        $0.series != after.series ? !later.contains($0.series) : $0.time <= after.time
      }
      rows.insert(contentsOf: repeats.dropFirst(after.repeats), at: 0)
    }
    guard rows.count > request.limitRows else {
      return HistoryPage(commit: commit, rows: rows, next: nil)
    }
    let page = Array(rows.prefix(request.limitRows))
    let last = page[page.count - 1]
    var repeats = page.filter { $0.series == last.series && $0.time == last.time }.count
    if let after = request.after, after.series == last.series, after.time == last.time {
      repeats += after.repeats
    }
    return HistoryPage(
      commit: commit, rows: page,
      next: HistoryPosition(series: last.series, time: last.time, repeats: repeats))
  }

  private func rows(_ request: HistoryRequest) -> [HistoryRow] {
    request.series.flatMap { series -> [HistoryRow] in
      guard request.resolution != .raw else {
        let own = readings.filter {
          $0.series == series && $0.time >= request.from && $0.time < request.to
        }
        return own.sorted { $0.time < $1.time }.map {
          HistoryRow(series: series, time: $0.time, values: [$0.value], quality: $0.quality)
        }
      }
      return made(
        of: [series], resolution: request.resolution, from: request.from, to: request.to,
        withSketch: true
      ).map { entry in
        HistoryRow(
          series: series, time: entry.start,
          values: request.functions.map { entry.summary.value(of: $0) })
      }
    }
  }

  func windows(
    of series: [SeriesID], resolution: Resolution, from: Timestamp, to: Timestamp, withSketch: Bool
  ) -> WindowStates {
    let entries = made(
      of: series, resolution: resolution, from: from, to: to, withSketch: withSketch)
    brought(entries.count)
    return WindowStates(commit: commit, entries: entries)
  }

  private func made(
    of series: [SeriesID], resolution: Resolution, from: Timestamp, to: Timestamp, withSketch: Bool
  ) -> [WindowStates.Entry] {
    var entries: [WindowStates.Entry] = []
    for series in series {
      let own = readings.filter { $0.series == series }
      let starts = Set(own.map { resolution.windowStart(of: $0.time) })
      for start in starts.sorted() where start >= from && start < to {
        var summary = WindowSummary(withSketch: withSketch)
        for reading in own where resolution.windowStart(of: reading.time) == start {
          summary.add(reading.value, at: reading.time)
        }
        entries.append(WindowStates.Entry(series: series, start: start, summary: summary))
      }
    }
    return entries
  }
}
