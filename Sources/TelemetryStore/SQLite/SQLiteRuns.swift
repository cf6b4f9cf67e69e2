import BrokerCore
import GRDB

/// The broker's runs on this store.
enum SQLiteRuns {
  /// How many are remembered: cursors are of use for minutes, and runs are seldom that short.
  private static let remembered = 1_000

  /// Enters a run that makes the commits from here on.
  static func begin(_ db: Database, tag: UInt32) throws {
    try db.cachedStatement(sql: "INSERT INTO run (tag, first) VALUES (?, ?)")
      .execute(arguments: [Int64(tag), try SQLiteProgress.lastCommit(db).next.number])
    try db.cachedStatement(
      sql: "DELETE FROM run WHERE id <= (SELECT max(id) FROM run) - ?"
    ).execute(arguments: [remembered])
  }

  /// All that are remembered, the oldest first.
  static func fetch(_ db: Database) throws -> StoreRuns {
    let rows = try Row.fetchAll(db, sql: "SELECT tag, first FROM run ORDER BY id")
    return StoreRuns(
      rows.map { row in
        StoreRuns.Run(
          tag: UInt32(truncatingIfNeeded: row[0] as Int64), first: CommitNumber(row[1]))
      })
  }
}
