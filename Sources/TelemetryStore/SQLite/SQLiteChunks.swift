import BrokerCore
import Foundation
import GRDB
import TelemetryModel

/// The folded readings of series: closed chunks, which never overlap in time, and one open tail each.
struct SQLiteChunks {
  /// The open end of a series.
  struct Tail {
    var readings: [Reading]
    /// The newest time in a closed chunk.
    var boundary: Timestamp?
  }

  let db: Database

  // MARK: - Reading

  /// A series' open tail, if it has one that may hold readings of a span.
  func tail(
    of series: SeriesID, from: Timestamp = .distantPast, to: Timestamp = .distantFuture
  ) throws -> Tail? {
    let statement = try db.cachedStatement(
      sql: "SELECT boundary, first, last, data FROM tail WHERE series = ?")
    guard
      let row = try Row.fetchOne(statement, arguments: [series.number])
    else { return nil }
    let boundary = (row[0] as Int64?).map(Timestamp.init(microseconds:))
    guard let first = row[1] as Int64?, let last = row[2] as Int64?,
      first <= to.microseconds, last >= from.microseconds
    else { return Tail(readings: [], boundary: boundary) }
    return Tail(
      readings: try row.withBytes(at: 3) { try ReadingBlob.decode($0) }, boundary: boundary)
  }

  /// Visits a series' closed chunks that reach into a span, oldest first, until told to stop.
  func forEachChunk(
    of series: SeriesID, from: Timestamp, to: Timestamp, _ body: ([Reading]) throws -> Bool
  ) throws {
    // Chunks do not overlap: of those that begin before the span, only the last may reach into it.
    let statement = try db.cachedStatement(
      sql: """
        SELECT last, data FROM chunk WHERE series = :series AND first < :to AND first >= coalesce(
          (SELECT max(first) FROM chunk WHERE series = :series AND first < :from), :from)
        ORDER BY first, last, id
        """)
    let rows = try Row.fetchCursor(
      statement,
      arguments: ["series": series.number, "from": from.microseconds, "to": to.microseconds])
    while let row = try rows.next() {
      guard row[0] as Int64 >= from.microseconds else { continue }
      let readings = try row.withBytes(at: 1) { try ReadingBlob.decode($0) }
      guard try body(readings) else { return }
    }
  }

  // MARK: - Writing

  /// Takes new readings of a series in; returns those that are in a closed chunk from now on.
  func fold(_ new: [Reading], into series: SeriesID) throws -> [Reading] {
    let before = try tail(of: series)
    let fold = SeriesFold(
      tail: before?.readings ?? [], boundary: before?.boundary, new: new)
    for chunk in fold.sealed { try insert(chunk, series) }
    try write(fold.tail, boundary: fold.boundary, series)
    try insert(late: fold.late[...], series)
    return fold.closed
  }

  /// Closes a series' tail for good, without keeping its readings; returns them.
  func giveUpTail(of series: SeriesID) throws -> [Reading] {
    guard let tail = try tail(of: series), let last = tail.readings.last else { return [] }
    try write(nil, boundary: max(last.time, tail.boundary ?? .distantPast), series)
    return tail.readings
  }

  /// Closes a series' tail for good without reading it.
  func dropTail(of series: SeriesID) throws {
    try db.cachedStatement(
      sql: """
        UPDATE tail SET boundary = max(coalesce(boundary, last), last), first = NULL, last = NULL,
          count = 0, data = NULL WHERE series = ? AND last IS NOT NULL
        """
    ).execute(arguments: [series.number])
  }

  private func write(
    _ tail: SeriesFold.Chunk?, boundary: Timestamp?, _ series: SeriesID
  ) throws {
    try db.cachedStatement(
      sql: """
        INSERT INTO tail (series, boundary, first, last, count, data) VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT (series) DO UPDATE SET boundary = excluded.boundary, first = excluded.first,
          last = excluded.last, count = excluded.count, data = excluded.data
        """
    ).execute(arguments: [
      series.number, boundary?.microseconds, tail?.readings.first?.time.microseconds,
      tail?.readings.last?.time.microseconds, tail?.readings.count ?? 0, tail.map { Data($0.blob) },
    ])
  }

  private func insert(_ chunk: SeriesFold.Chunk, _ series: SeriesID) throws {
    guard let first = chunk.readings.first, let last = chunk.readings.last else { return }
    try db.cachedStatement(
      sql: "INSERT INTO chunk (series, first, last, count, data) VALUES (?, ?, ?, ?, ?)"
    ).execute(arguments: [
      series.number, first.time.microseconds, last.time.microseconds, chunk.readings.count,
      Data(chunk.blob),
    ])
  }

  private func update(_ id: Int64, _ chunk: SeriesFold.Chunk) throws {
    guard let first = chunk.readings.first, let last = chunk.readings.last else { return }
    try db.cachedStatement(
      sql: "UPDATE chunk SET first = ?, last = ?, count = ?, data = ? WHERE id = ?"
    ).execute(arguments: [
      first.time.microseconds, last.time.microseconds, chunk.readings.count, Data(chunk.blob), id,
    ])
  }

  // MARK: - Late readings

  private struct Place {
    var id: Int64
    var readings: [Reading]
    /// Where the next chunk begins.
    var end: Timestamp
  }

  /// Puts readings, ordered by time, into the chunks that they belong to.
  private func insert(late: ArraySlice<Reading>, _ series: SeriesID) throws {
    var rest = late
    while let first = rest.first {
      let place = try place(of: first.time, series)
      let end = place?.end ?? .distantFuture
      // At least one: the loop ends whatever the file says.
      let split = rest.dropFirst().firstIndex { $0.time >= end } ?? rest.endIndex
      let merged = (place?.readings ?? []).merged(with: Array(rest[..<split]))
      var parts = SeriesFold.reopened(merged)[...]
      if let place, let part = parts.popFirst() { try update(place.id, part) }
      for part in parts { try insert(part, series) }
      rest = rest[split...]
    }
  }

  /// The last chunk that begins at or before a moment, or else the first.
  private func place(of time: Timestamp, _ series: SeriesID) throws -> Place? {
    let before = try db.cachedStatement(
      sql: """
        SELECT id, first, last, data FROM chunk WHERE series = ? AND first <= ?
        ORDER BY first DESC, last DESC, id DESC LIMIT 1
        """)
    let oldest = try db.cachedStatement(
      sql: """
        SELECT id, first, last, data FROM chunk WHERE series = ? ORDER BY first, last, id LIMIT 1
        """)
    guard
      let row = try Row.fetchOne(before, arguments: [series.number, time.microseconds])
        ?? Row.fetchOne(oldest, arguments: [series.number])
    else { return nil }
    let readings = try row.withBytes(at: 3) { try ReadingBlob.decode($0) }
    let next = try Int64.fetchOne(
      db.cachedStatement(
        sql: """
          SELECT min(first) FROM chunk
          WHERE series = ? AND (first, last, id) > (?, ?, ?)
          """),
      arguments: [series.number, row[1] as Int64, row[2] as Int64, row[0] as Int64])
    return Place(
      id: row[0], readings: readings,
      end: next.map(Timestamp.init(microseconds:)) ?? .distantFuture)
  }
}
