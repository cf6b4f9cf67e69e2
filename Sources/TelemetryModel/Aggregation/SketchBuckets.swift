/// Counts of the buckets from the lowest to the highest in use, of one sign.
///
/// A sensor's readings in one window fall into few buckets, so that this is a short array.
struct SketchBuckets: Hashable, Sendable {
  /// The number of the first bucket in `counts`.
  private(set) var first: Int32 = 0
  /// Counts by bucket; neither the first nor the last is 0.
  private(set) var counts: [UInt64] = []
  /// The sum of all counts; saturates.
  private(set) var count: UInt64 = 0

  var isEmpty: Bool { counts.isEmpty }

  private var last: Int32 { first + Int32(counts.count) - 1 }

  mutating func add(_ index: Int32, _ times: UInt64) {
    count = count.addingSaturating(times)
    guard !counts.isEmpty else {
      first = index
      counts = [times]
      return
    }
    let slot = makeRoom(for: index)
    counts[slot] = counts[slot].addingSaturating(times)
  }

  mutating func merge(_ other: SketchBuckets) {
    guard !other.counts.isEmpty else { return }
    guard !counts.isEmpty else {
      self = other
      return
    }
    count = count.addingSaturating(other.count)
    // The highest first: then whatever must be put together is, once.
    _ = makeRoom(for: other.last)
    for (offset, times) in other.counts.enumerated() where times > 0 {
      let slot = makeRoom(for: other.first + Int32(offset))
      counts[slot] = counts[slot].addingSaturating(times)
    }
    trim()
  }

  /// The bucket in which the reading with a rank from below lies.
  func index(ascendingRank rank: UInt64) -> Int32? {
    var seen: UInt64 = 0
    for (offset, times) in counts.enumerated() {
      seen = seen.addingSaturating(times)
      if seen > rank { return first + Int32(offset) }
    }
    return counts.isEmpty ? nil : last
  }

  /// The bucket in which the reading with a rank from above lies.
  func index(descendingRank rank: UInt64) -> Int32? {
    var seen: UInt64 = 0
    for (offset, times) in counts.enumerated().reversed() {
      seen = seen.addingSaturating(times)
      if seen > rank { return first + Int32(offset) }
    }
    return counts.isEmpty ? nil : first
  }

  /// Where the count of a bucket is kept, after making room; the lowest buckets are put together
  /// when there would be too many.
  private mutating func makeRoom(for index: Int32) -> Int {
    if index > last {
      let lowest = index - Int32(QuantileSketch.maxBuckets) + 1
      if lowest > first { collapse(below: lowest) }
      counts.append(contentsOf: repeatElement(0, count: Int(index - last)))
    } else if index < first {
      let lowest = max(index, last - Int32(QuantileSketch.maxBuckets) + 1)
      if lowest < first {
        counts.insert(contentsOf: repeatElement(0, count: Int(first - lowest)), at: 0)
        first = lowest
      }
    }
    return Int(max(index, first) - first)
  }

  /// Puts the counts of all buckets below `lowest` into that one.
  private mutating func collapse(below lowest: Int32) {
    let dropped = min(Int(lowest - first), counts.count)
    let sum = counts.prefix(dropped).reduce(UInt64(0)) { $0.addingSaturating($1) }
    counts.removeFirst(dropped)
    first = lowest
    if counts.isEmpty {
      counts = [sum]
    } else {
      counts[0] = counts[0].addingSaturating(sum)
    }
  }

  private mutating func trim() {
    while counts.last == 0 { counts.removeLast() }
    let zeros = counts.prefix { $0 == 0 }.count
    if zeros > 0 {
      counts.removeFirst(zeros)
      first += Int32(zeros)
    }
  }
}
