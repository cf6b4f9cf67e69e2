import BrokerCore
import TelemetryModel

/// One reading of a series on its way through the store.
struct Reading: Hashable {
  /// When it was taken.
  var time: Timestamp
  var value: Double
  var quality: SampleQuality = []
  /// When it came; known for as long as it is not folded, afterwards for those only whose quality
  /// says that it matters.
  var received: Timestamp?
}

extension [Reading] {
  /// Orders by time; readings of one time stay in the order in which they came.
  mutating func sortByTime() {
    let isSorted = zip(self, dropFirst()).allSatisfy { $0.time <= $1.time }
    // The standard library's sort is stable in fact but not by contract: the place decides ties.
    if !isSorted {
      self = enumerated()
        .sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }
        .map(\.element)
    }
  }

  /// Merges readings that came later, both ordered by time, into one order.
  func merged(with later: [Reading]) -> [Reading] {
    guard let firstNew = later.first, let last else { return isEmpty ? later : self }
    if firstNew.time >= last.time { return self + later }
    var merged: [Reading] = []
    merged.reserveCapacity(count + later.count)
    var index = startIndex
    for reading in later {
      while index < endIndex, self[index].time <= reading.time {
        merged.append(self[index])
        index += 1
      }
      merged.append(reading)
    }
    merged.append(contentsOf: self[index...])
    return merged
  }
}
