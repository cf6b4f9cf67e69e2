import BrokerCore
import TelemetryModel

/// What a store must answer, worked out the slow and obvious way from a list of everything.
struct ReferenceStore {
  struct Entry {
    var sample: Sample
    var commit: CommitNumber
  }

  private(set) var entries: [Entry] = []

  mutating func commit(_ batch: IngestBatch) {
    entries += batch.samples.map { Entry(sample: $0, commit: batch.commit) }
  }

  /// A series' readings by time, those of one time as they came.
  func readings(
    of series: SeriesID, from: Timestamp = .distantPast, to: Timestamp = .distantFuture,
    after commit: CommitNumber = CommitNumber(0)
  ) -> [Sample] {
    entries.enumerated()
      .filter {
        $0.element.sample.series == series && $0.element.commit > commit
          && $0.element.sample.time >= from && $0.element.sample.time < to
      }
      .sorted {
        ($0.element.sample.time, $0.offset) < ($1.element.sample.time, $1.offset)
      }
      .map(\.element.sample)
  }

  /// The windows that begin in a span and hold a reading.
  func windows(
    of series: SeriesID, _ resolution: Resolution, from: Timestamp, to: Timestamp
  ) -> [(start: Timestamp, summary: WindowSummary)] {
    var windows: [Timestamp: WindowSummary] = [:]
    for reading in readings(of: series) {
      let start = resolution.windowStart(of: reading.time)
      guard start >= from, start < to else { continue }
      windows[start, default: WindowSummary(withSketch: true)].add(reading.value, at: reading.time)
    }
    return windows.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }
}

extension WindowSummary {
  /// What is wrong with this as an answer where `expected` is right: counts, extremes and ends must
  /// be equal, what is summed to the last digits that sums have.
  func difference(from expected: WindowSummary) -> String? {
    let (mine, right) = (aggregate, expected.aggregate)
    if mine.count != right.count { return "count \(mine.count), not \(right.count)" }
    for (name, left, right) in [
      ("min", mine.min, right.min), ("max", mine.max, right.max),
      ("first", mine.first, right.first), ("last", mine.last, right.last),
    ] where left != right { return "\(name) \(left), not \(right)" }
    if mine.firstTime != right.firstTime || mine.lastTime != right.lastTime {
      return
        "from \(mine.firstTime) to \(mine.lastTime), not \(right.firstTime) to \(right.lastTime)"
    }
    let scale = max(right.min.magnitude, right.max.magnitude)
    let count = Double(right.count)
    for (name, left, right, scale) in [
      ("sum", mine.sum, right.sum, scale * count), ("mean", mine.mean, right.mean, scale),
      ("stddev", mine.stddev, right.stddev, scale),
    ] where (left - right).magnitude > 1e-8 * scale { return "\(name) \(left), not \(right)" }
    if let sketch, let right = expected.sketch, sketch != right { return "another sketch" }
    return nil
  }
}
