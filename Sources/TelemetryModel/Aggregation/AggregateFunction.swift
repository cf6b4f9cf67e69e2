/// What one value a window says about the readings in it.
package enum AggregateFunction: String, CaseIterable, Sendable {
  /// The reading with the earliest time.
  case first
  /// The reading with the latest time.
  case last
  /// How many readings.
  case count
  /// Their sum.
  case sum
  /// The smallest.
  case min
  /// The largest.
  case max
  /// The arithmetic mean.
  case mean
  /// The population's standard deviation.
  case stddev
  /// The median, within 1 %.
  case p50
  /// The 90th percentile, within 1 %.
  case p90
  /// The 95th percentile, within 1 %.
  case p95
  /// The 99th percentile, within 1 %.
  case p99

  /// The quantile that a percentile asks for, 0…1; nil for the others, which need no sketch.
  package var quantile: Double? {
    switch self {
    case .p50: 0.5
    case .p90: 0.9
    case .p95: 0.95
    case .p99: 0.99
    case .first, .last, .count, .sum, .min, .max, .mean, .stddev: nil
    }
  }
}
