import BrokerCore
import GRDB
import TelemetryModel

/// How far the journal has been folded into chunks and windows.
///
/// A fold goes through the series in the order of their numbers, in several transactions: those
/// before `next` are folded up to `target`, all others up to `folded`.
struct SQLiteProgress: Equatable {
  var folded: CommitNumber
  var target: CommitNumber
  var next: SeriesID

  static func fetch(_ db: Database) throws -> SQLiteProgress {
    guard
      let row = try Row.fetchOne(
        db.cachedStatement(sql: "SELECT folded, target, next FROM progress"))
    else { throw StoreError.unusable("the store does not say how far it is folded") }
    return SQLiteProgress(
      folded: CommitNumber(row[0]), target: CommitNumber(row[1]), next: SeriesID(row[2]))
  }

  func save(_ db: Database) throws {
    try db.cachedStatement(sql: "UPDATE progress SET folded = ?, target = ?, next = ?")
      .execute(arguments: [folded.number, target.number, next.number])
  }

  var isFolding: Bool { target > folded }

  /// Up to which commit a series is folded.
  func folded(_ series: SeriesID) -> CommitNumber {
    series < next ? max(folded, target) : folded
  }

  /// The newest commit of which anything is folded.
  var newest: CommitNumber { max(folded, target) }

  /// The newest commit in the file.
  static func lastCommit(_ db: Database) throws -> CommitNumber {
    let journal = try Int64.fetchOne(db, sql: "SELECT max(number) FROM journal") ?? 0
    return max(CommitNumber(journal), try fetch(db).newest)
  }
}
