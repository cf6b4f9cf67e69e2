/// Quantiles of any number of readings within 1 % of the true value, in bounded memory; mergeable.
///
/// This is DDSketch (C. Masson, J. E. Rim, H. K. Lee: "DDSketch: A Fast and Fully-Mergeable Quantile
/// Sketch with Relative-Error Guarantees", PVLDB 12(12), 2019): readings are counted in buckets
/// whose bounds grow geometrically, so that a bucket's middle is within 1 % of everything in it.
/// Negative values have buckets of their own, zero is counted apart.
///
/// At most `maxBuckets` buckets a sign are kept, which spans values 1 : 10^17 apart; beyond,
/// those of the smallest magnitude are put together, so that large values stay within 1 %. The same
/// readings give the same sketch in whatever order and grouping they are added and merged.
package struct QuantileSketch: Hashable, Sendable {
  /// How far an answer may be from the true quantile, as a part of it.
  package static let relativeError = 0.01
  /// The most buckets kept for positive values, and for negative ones.
  package static let maxBuckets = 2048

  /// How many readings were zero or too small to be told from it (below 2^-1022).
  package private(set) var zeroCount: UInt64
  private(set) var positive: SketchBuckets
  private(set) var negative: SketchBuckets

  /// Knows of no readings yet. Allocates nothing.
  package init() {
    zeroCount = 0
    positive = SketchBuckets()
    negative = SketchBuckets()
  }

  init(zeroCount: UInt64, positive: SketchBuckets, negative: SketchBuckets) {
    self.zeroCount = zeroCount
    self.positive = positive
    self.negative = negative
  }

  /// How many readings; saturates at 2^64 - 1.
  package var count: UInt64 {
    zeroCount.addingSaturating(positive.count).addingSaturating(negative.count)
  }

  /// Takes one more reading, or `times` equal ones. Not-a-number and infinities are ignored.
  package mutating func add(_ value: Double, times: UInt64 = 1) {
    guard value.isFinite, times > 0 else { return }
    let magnitude = value.magnitude
    if magnitude < .leastNormalMagnitude {
      zeroCount = zeroCount.addingSaturating(times)
    } else if value > 0 {
      positive.add(SketchMapping.index(of: magnitude), times)
    } else {
      negative.add(SketchMapping.index(of: magnitude), times)
    }
  }

  /// What a sketch answers where a reading is asked for: what stands for its bucket, within 1 % of it.
  package static func value(for reading: Double) -> Double {
    let magnitude = reading.magnitude
    guard magnitude >= .leastNormalMagnitude else { return 0 }
    let value = SketchMapping.value(of: SketchMapping.index(of: magnitude))
    return reading < 0 ? -value : value
  }

  /// Takes all readings of another sketch.
  package mutating func merge(_ other: QuantileSketch) {
    zeroCount = zeroCount.addingSaturating(other.zeroCount)
    positive.merge(other.positive)
    negative.merge(other.negative)
  }

  /// The value below which a part `quantile` (0…1, clamped) of the readings lies: the sorted
  /// readings' element at `quantile × (count − 1)`, rounded down, within 1 %; nil without readings.
  package func value(at quantile: Double) -> Double? {
    let total = count
    guard total > 0, !quantile.isNaN else { return nil }
    let clamped = min(max(quantile, 0), 1)
    let exact = (clamped * Double(total - 1)).rounded(.down)
    var rank = exact >= Double(total - 1) ? total - 1 : UInt64(exact)
    // The smallest readings are the negative ones of the largest magnitude.
    if rank < negative.count {
      return negative.index(descendingRank: rank).map { -SketchMapping.value(of: $0) }
    }
    rank -= negative.count
    if rank < zeroCount { return 0 }
    rank -= zeroCount
    return positive.index(ascendingRank: rank).map { SketchMapping.value(of: $0) }
  }
}
