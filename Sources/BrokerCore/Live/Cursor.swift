package import TelemetryModel

/// How far a reader has seen. Opaque to clients; written as `COMMIT-MICROSECONDS`, with `-SERIES` and
/// `-COMMIT` behind it in the middle of something, and `~RUN` behind all of that.
///
/// Of windows it has seen those that begin before ``frontier``, as of ``commit``; where there is a
/// ``place``, also those that begin at the frontier, of series before that place.
///
/// Of raw readings it has seen all of ``commit`` and earlier ones. In the middle of what was committed
/// up to ``through``, it has seen of that what is ordered before ``frontier`` and ``place``, by time and
/// then by series.
package struct Cursor: Hashable, Sendable, CustomStringConvertible {
  /// Everything of this commit and those before it was seen.
  package var commit: CommitNumber
  /// Windows that begin before this were seen; for raw readings, the moment.
  package var frontier: Timestamp
  /// The first series that was not seen at the frontier; nil where none was.
  package var place: SeriesID?
  /// The last commit of those that were seen in part; nil where none was.
  package var through: CommitNumber?
  /// The run of the broker whose commits these are; nil where none is named.
  package var run: UInt32?

  /// Names all parts.
  package init(
    commit: CommitNumber, frontier: Timestamp, place: SeriesID? = nil,
    through: CommitNumber? = nil, run: UInt32? = nil
  ) {
    self.run = run
    self.commit = commit
    self.frontier = frontier
    self.place = place
    self.through = through
  }

  /// Reads what ``description`` wrote; nil for anything else.
  package init?(_ text: String) {
    let halves = text.split(separator: "~", omittingEmptySubsequences: false)
    guard halves.count <= 2, text.utf8.count <= 80, let places = halves.first else { return nil }
    var run: UInt32?
    if halves.count == 2 {
      guard let tag = UInt32(halves[1], radix: 36), String(tag, radix: 36) == halves[1]
      else { return nil }
      run = tag
    }
    let parts = places.split(separator: "-", omittingEmptySubsequences: false)
    guard (2...4).contains(parts.count) else { return nil }
    let numbers = parts.compactMap { part in
      (1...18).contains(part.utf8.count) && part.utf8.allSatisfy { (0x30...0x39).contains($0) }
        ? Int64(part) : nil
    }
    guard numbers.count == parts.count else { return nil }
    self.init(
      commit: CommitNumber(numbers[0]), frontier: Timestamp(microseconds: numbers[1]),
      place: numbers.count > 2 ? SeriesID(numbers[2]) : nil,
      through: numbers.count > 3 ? CommitNumber(numbers[3]) : nil, run: run)
  }

  /// The wire form.
  package var description: String {
    var text = "\(commit)-\(max(0, frontier.microseconds))"
    if place != nil || through != nil { text += "-\(place ?? .none)" }
    if let through { text += "-\(through)" }
    if let run { text += "~" + String(run, radix: 36) }
    return text
  }

  /// Whether a row is one of those seen at the frontier or before it.
  func hasSeen(_ row: HistoryRow) -> Bool {
    (row.time, row.series) < (frontier, place ?? .none)
  }

  /// Whether a window is one of those.
  func hasSeen(_ window: WindowTable.Key) -> Bool {
    (window.start, window.series) < (frontier, place ?? .none)
  }
}
