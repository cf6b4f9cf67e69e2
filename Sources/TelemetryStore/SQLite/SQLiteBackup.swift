package import BrokerCore
import GRDB
import Glibc
import TelemetryModel

/// Copies of a store, made from any process while a broker writes to it.
///
/// The copy is made on one snapshot, so the writer goes on; its write-ahead log grows until the copy
/// is done.
package enum SQLiteBackup {
  /// What a copy holds.
  package struct Summary: Sendable {
    /// The newest commit.
    package var commit: CommitNumber
    /// Devices.
    package var devices: Int
    /// Series.
    package var series: Int
    /// Readings, those in the journal among them.
    package var readings: Int
    /// The file's length in bytes.
    package var bytes: Int64
  }

  /// Copies a store into a new file, reads the copy through, and only then gives it its name.
  ///
  /// - Throws: ``StoreError``: `unavailable` where a file is missing, is there already or cannot be
  ///   written, `unusable` where the store is damaged; then there is no copy.
  package static func copy(_ path: String, to target: String) async throws -> Summary {
    var status = stat()
    guard stat(path, &status) == 0 else {
      throw StoreError.unavailable("\(path): \(String(cString: strerror(errno)))")
    }
    let partial = "\(target).partial"
    // Made here, for this user only, and so that two backups cannot write the same file.
    guard access(target, F_OK) != 0 else {
      throw StoreError.unavailable("\(target) is there already")
    }
    let file = open(partial, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard file >= 0 else {
      throw StoreError.unavailable("\(partial): \(String(cString: strerror(errno)))")
    }
    defer { close(file) }
    do {
      try await fill(partial, from: path)
      let summary = try await verify(partial)
      guard fsync(file) == 0, link(partial, target) == 0 else {
        throw StoreError.unavailable("\(target): \(String(cString: strerror(errno)))")
      }
      unlink(partial)
      return summary
    } catch {
      unlink(partial)
      throw error
    }
  }

  private static func fill(_ partial: String, from path: String) async throws {
    do {
      var configuration = Configuration()
      configuration.readonly = true
      configuration.busyMode = .timeout(10)
      let source = try DatabaseQueue(path: path, configuration: configuration)
      let copy = try DatabaseQueue(path: partial)
      try source.backup(to: copy)
      // Out of write-ahead mode: a copy is one file, whatever reads it.
      try await copy.writeWithoutTransaction { db in
        _ = try String.fetchOne(db, sql: "PRAGMA journal_mode = DELETE")
      }
      try copy.close()
      try source.close()
    } catch {
      throw StoreError(error, path: path)
    }
  }

  /// Reads a closed store through: SQLite's own structure, and every block of ours with its checksum.
  ///
  /// - Throws: ``StoreError``.
  package static func verify(_ path: String) async throws -> Summary {
    do {
      var configuration = Configuration()
      configuration.readonly = true
      let queue = try DatabaseQueue(path: path, configuration: configuration)
      var summary = try await queue.read { db in
        guard try SQLiteSchema.migrator.hasCompletedMigrations(db) else {
          throw StoreError.unusable("the store is of an older or newer program than this one")
        }
        let answer = try String.fetchOne(db, sql: "PRAGMA integrity_check(1)")
        guard answer == "ok" else { throw StoreError.unusable(answer ?? "no answer") }
        return Summary(
          commit: try SQLiteProgress.lastCommit(db),
          devices: try SQLiteCatalogue.devices(db).count,
          series: try SQLiteCatalogue.series(db).count, readings: try readings(db), bytes: 0)
      }
      try queue.close()
      var status = stat()
      if stat(path, &status) == 0 { summary.bytes = Int64(status.st_size) }
      return summary
    } catch {
      throw StoreError(error, path: path)
    }
  }

  /// Decodes everything; returns how many readings there are.
  private static func readings(_ db: Database) throws -> Int {
    let progress = try SQLiteProgress.fetch(db)
    var readings = 0
    for table in ["chunk", "tail", "parked"] {
      let rows = try Row.fetchCursor(
        db, sql: "SELECT count, data FROM \(table) WHERE data IS NOT NULL")
      while let row = try rows.next() {
        let decoded = try row.withBytes(at: 1) { try ReadingBlob.decode($0) }
        guard decoded.count == row[0] else { throw DamagedBlob(what: "a row of \(table)") }
        readings += decoded.count
      }
    }
    let journal = try Row.fetchCursor(db, sql: "SELECT number, data FROM journal")
    while let row = try journal.next() {
      let commit = CommitNumber(row[0])
      readings += try row.withBytes(at: 1) { try JournalBlob.decode($0) }
        .count { progress.folded($0.series) < commit }
    }
    let texts = try Row.fetchCursor(db, sql: "SELECT series, time, data FROM text")
    while let row = try texts.next() {
      _ = try row.withBytes(at: 2) { blob in
        try TextBlob.decode(
          blob, series: SeriesID(row[0]), time: Timestamp(microseconds: row[1]))
      }
      readings += 1
    }
    let windows = try Row.fetchCursor(db, sql: "SELECT data, sketches FROM window")
    while let row = try windows.next() {
      try row.withBytes(at: 0) { data in
        try row.withBytes(at: 1) { sketches in
          _ = try WindowBlob.decode(data, sketches: sketches, columns: .all)
        }
      }
    }
    return readings
  }
}
