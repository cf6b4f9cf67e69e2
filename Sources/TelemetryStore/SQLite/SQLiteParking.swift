import BrokerCore
import Foundation
import GRDB
import TelemetryModel

/// Readings of series that cannot be folded because a block which they belong to is damaged. They are
/// kept aside, compressed but in no chunk and no window, until they can be; the other series go on.
struct SQLiteParking {
  let db: Database

  /// A series' readings, by time, those of one time as they came.
  func readings(of series: SeriesID) throws -> [Reading] {
    let statement = try db.cachedStatement(
      sql: "SELECT data FROM parked WHERE series = ? ORDER BY id")
    let rows = try Row.fetchCursor(statement, arguments: [series.number])
    var readings: [Reading] = []
    while let row = try rows.next() {
      readings = readings.merged(with: try row.withBytes(at: 0) { try ReadingBlob.decode($0) })
    }
    return readings
  }

  /// Keeps readings aside, in whatever order they are.
  func park(_ readings: [Reading], of series: SeriesID) throws {
    var readings = readings
    readings.sortByTime()
    guard let last = readings.last?.time else { return }
    try db.cachedStatement(
      sql: "INSERT INTO parked (series, last, count, data) VALUES (?, ?, ?, ?)"
    ).execute(arguments: [
      series.number, last.microseconds, readings.count, Data(ReadingBlob.encode(readings[...])),
    ])
  }

  /// Deletes a series' readings, or blocks of them that end before a moment.
  func delete(_ series: SeriesID, endingBefore time: Timestamp = .distantFuture) throws {
    try db.cachedStatement(sql: "DELETE FROM parked WHERE series = ? AND last < ?")
      .execute(arguments: [series.number, time.microseconds])
  }

  /// Deletes some of the blocks that were parked first; returns how many readings they held.
  func deleteOldest() throws -> Int {
    let oldest = "FROM parked WHERE id IN (SELECT id FROM parked ORDER BY id LIMIT 200)"
    let readings = try Int.fetchOne(db, sql: "SELECT sum(count) \(oldest)") ?? 0
    try db.execute(sql: "DELETE \(oldest)")
    return readings
  }
}

/// A series that cannot be folded, as a block is damaged that its readings belong to.
struct DamagedSeries: Error {
  var series: SeriesID
  var damage: DamagedBlob
}
