/// All that is known of the readings in one window, and how every function is read from it.
///
/// The sketch is optional: it is the larger part, and only percentiles need it.
package struct WindowSummary: Hashable, Sendable {
  /// Count, sum, extremes, mean, spread, first and last.
  package private(set) var aggregate: Aggregate
  /// The distribution; nil when percentiles are not wanted.
  package private(set) var sketch: QuantileSketch?

  /// Knows of no readings yet.
  package init(withSketch: Bool) {
    aggregate = Aggregate()
    sketch = withSketch ? QuantileSketch() : nil
  }

  /// Knows what was stored earlier.
  package init(aggregate: Aggregate, sketch: QuantileSketch?) {
    self.aggregate = aggregate
    self.sketch = sketch
  }

  /// Whether there are no readings.
  package var isEmpty: Bool { aggregate.isEmpty }

  /// Takes one more reading, from whatever time. Not-a-number and infinities are ignored.
  package mutating func add(_ value: Double, at time: Timestamp) {
    aggregate.add(value, at: time)
    sketch?.add(value)
  }

  /// Takes all readings of another summary: of a part of this window, or of the same window of
  /// another device. A sketch stays only if both have one or the other knows no readings.
  package mutating func merge(_ other: WindowSummary) {
    guard !other.isEmpty else { return }
    if isEmpty, sketch != nil || other.sketch == nil {
      self = other
      return
    }
    aggregate.merge(other.aggregate)
    if let otherSketch = other.sketch { sketch?.merge(otherSketch) } else { sketch = nil }
  }

  /// What a function says; nil without readings, and for percentiles without a sketch.
  package func value(of function: AggregateFunction) -> Double? {
    guard !isEmpty else { return nil }
    switch function {
    case .first: return aggregate.first
    case .last: return aggregate.last
    case .count: return Double(aggregate.count)
    case .sum: return aggregate.sum
    case .min: return aggregate.min
    case .max: return aggregate.max
    case .mean: return aggregate.mean
    case .stddev: return aggregate.stddev
    case .p50, .p90, .p95, .p99:
      guard let quantile = function.quantile, let value = sketch?.value(at: quantile) else {
        return nil
      }
      // The true quantile lies between the extremes, which are known exactly.
      return Swift.min(Swift.max(value, aggregate.min), aggregate.max)
    }
  }
}
