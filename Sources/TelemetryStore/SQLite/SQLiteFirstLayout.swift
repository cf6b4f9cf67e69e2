import BrokerCore
import GRDB
import TelemetryModel

/// The layout of the first stores, one row a reading, and its way into chunks and windows.
enum SQLiteFirstLayout {
  private static let readingsAtOnce = 10_000

  /// Moves every reading and takes the old tables away, within the caller's transaction.
  static func move(in db: Database) throws {
    let commit = try Int64.fetchOne(db, sql: "SELECT max(number) FROM commitLog") ?? 0
    for series in try Int64.fetchAll(db, sql: "SELECT DISTINCT series FROM sample") {
      try move(SeriesID(series), in: db)
    }
    let last = CommitNumber(commit)
    try SQLiteProgress(folded: last, target: last, next: SeriesID(0)).save(db)
    try db.execute(sql: "DROP TABLE sample; DROP TABLE commitLog;")
  }

  private static func move(_ series: SeriesID, in db: Database) throws {
    let rows = try Row.fetchCursor(
      db, sql: "SELECT time, value FROM sample WHERE series = ? ORDER BY time, id",
      arguments: [series.number])
    let chunks = SQLiteChunks(db: db)
    let windows = SQLiteWindows(db: db)
    var readings: [Reading] = []
    func fold() throws {
      let closed = try chunks.fold(readings, into: series)
      try windows.add(closed, to: series) { _ in .distantPast }
      readings.removeAll(keepingCapacity: true)
    }
    while let row = try rows.next() {
      readings.append(Reading(time: Timestamp(microseconds: row[0]), value: row[1]))
      if readings.count == readingsAtOnce { try fold() }
    }
    if !readings.isEmpty { try fold() }
  }
}
