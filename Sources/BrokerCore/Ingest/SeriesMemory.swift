import TelemetryModel

/// The series of the names that one link has sent, in the order in which they came first.
///
/// The next name is expected where the one before was found; only a surprise is searched for. 16
/// bytes a name; the index for searching is made when there is more than a handful of names and a
/// surprise.
struct SeriesMemory: Sendable {
  /// A decoder's numbers of a name and a unit, and whether the record's sum is meant.
  struct Key: Hashable, Sendable {
    private let bits: UInt64

    init(name: UInt32, unit: UInt16, isSum: Bool) {
      bits = UInt64(name) << 17 | UInt64(unit) << 1 | (isSum ? 1 : 0)
    }

    var isSum: Bool { bits & 1 != 0 }
  }

  private struct Entry: Sendable {
    var key: Key
    var series: SeriesID
  }

  /// Beyond so many, all are forgotten.
  static let maxEntries = 16_384
  /// So few are searched one by one.
  private static let fewEntries = 8

  private var entries: [Entry] = []
  private var next = 0
  private var index: [Key: Int] = [:]
  private var generation: UInt64 = 0

  /// Forgets everything when the decoder's numbers have begun anew.
  mutating func follow(_ generation: UInt64) {
    guard generation != self.generation else { return }
    self = SeriesMemory()
    self.generation = generation
  }

  /// The series, if this link has sent the name before.
  @inline(__always)
  mutating func find(_ key: Key) -> SeriesID? {
    if next >= entries.count { next = 0 }
    if next < entries.count, entries[next].key == key {
      defer { next &+= 1 }
      return entries[next].series
    }
    return search(key)
  }

  /// Keeps the series of a name that was not found.
  mutating func learn(_ key: Key, _ series: SeriesID) {
    if entries.count >= SeriesMemory.maxEntries {
      entries = []
      index = [:]
    }
    if !index.isEmpty { index[key] = entries.count }
    entries.append(Entry(key: key, series: series))
    next = entries.count
  }

  @inline(never)
  private mutating func search(_ key: Key) -> SeriesID? {
    if entries.count > SeriesMemory.fewEntries, index.isEmpty {
      for (place, entry) in entries.enumerated() { index[entry.key] = place }
    }
    let found =
      entries.count > SeriesMemory.fewEntries
      ? index[key] : entries.firstIndex { $0.key == key }
    guard let found else { return nil }
    next = found + 1
    return entries[found].series
  }
}
