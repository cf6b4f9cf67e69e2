/// What is known of a set of readings without keeping them; mergeable, in any order and grouping.
///
/// Mean and spread follow Welford's update and the pairwise merge of Chan, Golub and LeVeque
/// ("Updating formulae and a pairwise algorithm for computing sample variances", 1979): no
/// difference of large squares, so the spread of 20.1 °C ± 0.01 survives a year of readings.
/// Values must be finite; others are ignored. 88 bytes, no allocation.
package struct Aggregate: Sendable, Hashable {
  /// How many readings.
  package private(set) var count: UInt64 = 0
  /// Their sum.
  package private(set) var sum = 0.0
  /// The smallest; +infinity while there are none.
  package private(set) var min = Double.infinity
  /// The largest; -infinity while there are none.
  package private(set) var max = -Double.infinity
  /// The mean; 0 while there are none.
  package private(set) var mean = 0.0
  /// The sum of squared distances from the mean.
  package private(set) var m2 = 0.0
  /// The reading with the earliest time; of several, the one added first.
  package private(set) var first = 0.0
  /// When the first reading was taken.
  package private(set) var firstTime = Timestamp.distantFuture
  /// The reading with the latest time; of several, the one added last.
  package private(set) var last = 0.0
  /// When the last reading was taken.
  package private(set) var lastTime = Timestamp.distantPast

  /// Knows of no readings yet.
  package init() {}

  /// Knows what was stored earlier. The caller vouches for the parts belonging together.
  package init(
    count: UInt64, sum: Double, min: Double, max: Double, mean: Double, m2: Double,
    first: Double, firstTime: Timestamp, last: Double, lastTime: Timestamp
  ) {
    self.count = count
    self.sum = sum
    self.min = min
    self.max = max
    self.mean = mean
    self.m2 = m2
    self.first = first
    self.firstTime = firstTime
    self.last = last
    self.lastTime = lastTime
  }

  /// Whether there are no readings.
  package var isEmpty: Bool { count == 0 }

  /// The population's standard deviation; 0 for a single reading.
  package var stddev: Double { count == 0 ? 0 : (Swift.max(0, m2) / Double(count)).squareRoot() }

  /// Takes one more reading, from whatever time. Not-a-number and infinities are ignored.
  package mutating func add(_ value: Double, at time: Timestamp) {
    guard value.isFinite else { return }
    count = count.addingSaturating(1)
    sum += value
    if value < min { min = value }
    if value > max { max = value }
    let delta = value - mean
    mean += delta / Double(count)
    m2 += delta * (value - mean)
    if time < firstTime || count == 1 {
      first = value
      firstTime = time
    }
    if time >= lastTime || count == 1 {
      last = value
      lastTime = time
    }
  }

  /// Takes all readings of `other`, as if they had been added after one's own.
  package mutating func merge(_ other: Aggregate) {
    guard other.count > 0 else { return }
    guard count > 0 else {
      self = other
      return
    }
    let total = Double(count) + Double(other.count)
    let delta = other.mean - mean
    let share = Double(other.count) / total
    mean += delta * share
    m2 += other.m2 + delta * delta * Double(count) * share
    count = count.addingSaturating(other.count)
    sum += other.sum
    if other.min < min { min = other.min }
    if other.max > max { max = other.max }
    if other.firstTime < firstTime {
      first = other.first
      firstTime = other.firstTime
    }
    if other.lastTime >= lastTime {
      last = other.last
      lastTime = other.lastTime
    }
  }
}
