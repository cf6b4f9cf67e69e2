import BrokerCore
import TelemetryModel

/// What a store must answer, worked out the slow and obvious way from a list of everything. It shares
/// no code with what it checks but the lengths of windows.
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
  ) -> [ReferenceWindow] {
    let length = resolution.lengthMicroseconds ?? 1
    var windows: [Int64: [Sample]] = [:]
    for reading in readings(of: series) {
      let remainder = reading.time.microseconds % length
      let start = reading.time.microseconds - remainder - (remainder < 0 ? length : 0)
      guard start >= from.microseconds, start < to.microseconds else { continue }
      windows[start, default: []].append(reading)
    }
    return windows.sorted { $0.key < $1.key }.map {
      ReferenceWindow(start: Timestamp(microseconds: $0.key), readings: $0.value)
    }
  }
}

/// A window as the list of its readings, by time, those of one time as they came.
struct ReferenceWindow {
  var start: Timestamp
  var readings: [Sample]

  var values: [Double] { readings.map(\.value) }
  var max: Double { values.max() ?? .nan }

  /// What is wrong with an answer: counts, extremes and ends must be equal, what is summed right to
  /// the last digits that sums have, percentiles within 1 %.
  func difference(from answer: WindowSummary) -> String? {
    let said = answer.aggregate
    guard said.count == UInt64(readings.count), let first = readings.first,
      let last = readings.last
    else { return "count \(said.count), not \(readings.count)" }
    let sorted = values.sorted()
    for (name, left, right) in [
      ("min", said.min, sorted[0]), ("max", said.max, sorted[sorted.count - 1]),
      ("first", said.first, first.value), ("last", said.last, last.value),
    ] where left != right { return "\(name) \(left), not \(right)" }
    if said.firstTime != first.time || said.lastTime != last.time {
      return "from \(said.firstTime) to \(said.lastTime), not \(first.time) to \(last.time)"
    }
    return differenceOfSums(from: said) ?? answer.sketch.flatMap { difference(from: $0, sorted) }
  }

  private func differenceOfSums(from said: Aggregate) -> String? {
    let count = Double(readings.count)
    let sum = values.reduce(0, +)
    let mean = sum / count
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    let scale = values.reduce(0) { Swift.max($0, $1.magnitude) }
    for (name, left, right, scale) in [
      ("sum", said.sum, sum, scale * count), ("mean", said.mean, mean, scale),
      ("stddev", said.stddev, (squares / count).squareRoot(), scale),
    ] where (left - right).magnitude > 1e-8 * scale { return "\(name) \(left), not \(right)" }
    return nil
  }

  private func difference(from sketch: QuantileSketch, _ sorted: [Double]) -> String? {
    guard sketch.count == UInt64(sorted.count) else { return "a sketch of \(sketch.count)" }
    for quantile in [0, 0.1, 0.5, 0.9, 0.95, 0.99, 1] {
      let said = sketch.value(at: quantile) ?? .nan
      if !isNear(said, at: quantile) { return "\(quantile) of the way \(said) in \(sorted)" }
    }
    return nil
  }

  /// Whether an answer is within 1 % of what lies so far (0…1) in the order of values. Values further
  /// apart than 10^17 : 1 need not be told from each other.
  func isNear(_ said: Double?, at quantile: Double) -> Bool {
    guard let said else { return false }
    let sorted = values.sorted()
    let exact = sorted[Int(quantile * Double(sorted.count - 1))]
    let smallest = sorted.reduce(0) { Swift.max($0, $1.magnitude) } * 1e-17
    return (said - exact).magnitude <= 0.01 * exact.magnitude * (1 + 1e-9)
      || (exact.magnitude < smallest && said.magnitude < smallest)
  }
}
