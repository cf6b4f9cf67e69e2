import BrokerCore
import Foundation
import GRDB
import TelemetryModel

/// Readings of text and bytes: written with their commit, never folded.
struct SQLiteTexts {
  let db: Database

  /// Writes a batch's.
  func insert(_ batch: IngestBatch) throws {
    guard !batch.texts.isEmpty else { return }
    let statement = try db.cachedStatement(
      sql: "INSERT INTO text (series, time, number, data) VALUES (?, ?, ?, ?)")
    for text in batch.texts {
      try statement.execute(arguments: [
        text.series.number, text.time.microseconds, batch.commit.number,
        Data(TextBlob.encode(text, received: batch.received)),
      ])
    }
  }

  /// Whether there are any at all.
  func areThere() throws -> Bool {
    try Bool.fetchOne(db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM text)")) ?? false
  }

  /// A series' rows of a span and of commits after one and up to another, oldest first, those of one
  /// time as they came; read one by one, as they are wanted. Only one of these may be in use.
  func rows(
    of series: SeriesID, from: Timestamp, to: Timestamp, after commit: CommitNumber,
    through last: CommitNumber
  ) throws -> Rows {
    let statement = try db.cachedStatement(
      sql: """
        SELECT time, data FROM text
        WHERE series = ? AND time >= ? AND time < ? AND number > ? AND number <= ?
        ORDER BY time, id
        """)
    return try Rows(
      series: series,
      cursor: Row.fetchCursor(
        statement,
        arguments: [
          series.number, from.microseconds, to.microseconds, commit.number, last.number,
        ]))
  }

  struct Rows {
    private let series: SeriesID
    private let cursor: RowCursor
    private var next: HistoryRow?

    init(series: SeriesID, cursor: RowCursor) throws {
      self.series = series
      self.cursor = cursor
      try advance()
    }

    /// Takes the next row, if there is one, and it is from before a moment.
    mutating func pop(before time: Timestamp = .distantFuture) throws -> HistoryRow? {
      guard let row = next, row.time < time else { return nil }
      try advance()
      return row
    }

    private mutating func advance() throws {
      next = try cursor.next().map { row in
        let time = Timestamp(microseconds: row[0])
        return try row.withBytes(at: 1) { try TextBlob.decode($0, series: series, time: time) }
      }
    }
  }

  /// Deletes a series' rows from before a moment.
  func delete(_ series: SeriesID, before time: Timestamp) throws {
    try db.cachedStatement(sql: "DELETE FROM text WHERE series = ? AND time < ?")
      .execute(arguments: [series.number, time.microseconds])
  }

  /// Deletes some of those that came first, only such as are from before a moment where one is named;
  /// returns how many.
  func deleteOldest(before time: Timestamp?) throws -> Int {
    try db.cachedStatement(
      sql: """
        DELETE FROM text WHERE id IN (SELECT id FROM text ORDER BY id LIMIT 200) AND time < ?
        """
    ).execute(arguments: [(time ?? .distantFuture).microseconds])
    return db.changesCount
  }
}
