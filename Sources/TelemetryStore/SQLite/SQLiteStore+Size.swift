import BrokerCore
import GRDB
import Glibc
import Logging
import Synchronization
import TelemetryModel

/// The largest size: what goes, and in which order, before the file grows past it; and how its
/// write-ahead log and its free pages are kept from growing for ever.
extension SQLiteStore {
  /// Part of the largest size that is left for what comes between two rounds.
  private static let reserve = 0.1

  /// What one slice gave up to make room.
  private struct GivenUp {
    var readings: UInt64 = 0
    var windowRows = 0
    var oldestLeft: Timestamp?
  }

  /// Gives up the oldest readings, then the shortest windows, until the store is within its size.
  func stayWithinSize() async throws {
    guard let maxBytes = configuration.limits.maxBytes else { return }
    // At least half is for data, however long the log of the smallest store may be.
    let log = min(SQLiteStore.fileBytes("\(path)-wal"), maxBytes / 2)
    let target = Int64(Double(maxBytes) * (1 - SQLiteStore.reserve)) - log
    guard try await usedBytes() > target else { return try await shrink(to: maxBytes - log) }
    // What waits takes up four times what it will once folded, and cannot be given up before.
    try await fold(through: head.size.last)
    var all = GivenUp()
    while try await usedBytes() > target {
      try Task.checkCancellation()
      let part = try await write { db in try SQLiteStore.giveUpOldest(db) }
      guard part.readings > 0 || part.windowRows > 0 else { break }
      all.readings += part.readings
      all.windowRows += part.windowRows
      all.oldestLeft = part.oldestLeft ?? all.oldestLeft
    }
    try await shrink(to: maxBytes - log)
    guard all.readings > 0 || all.windowRows > 0 else { return }
    bookkeeping.withLock { $0.readingsGivenUp += all.readings }
    logger.warning(
      "The store is at its largest size; the oldest readings are given up",
      metadata: [
        "maxBytes": "\(maxBytes)", "readings": "\(all.readings)",
        "windowRows": "\(all.windowRows)",
        "oldestLeft": "\(all.oldestLeft.map(\.description) ?? "none")",
      ])
  }

  /// Bytes of the pages of each table and index. Reads the whole file: for measurements only.
  ///
  /// - Throws: ``StoreError``.
  package func tableBytes() async throws -> [String: Int64] {
    try await attempt { [pool] in
      try await pool.read { db in
        let rows = try Row.fetchAll(db, sql: "SELECT name, sum(pgsize) FROM dbstat GROUP BY name")
        return Dictionary(uniqueKeysWithValues: rows.map { ($0[0] as String, $0[1] as Int64) })
      }
    }
  }

  private func usedBytes() async throws -> Int64 {
    let (pages, free, size) = try await pool.read { db in try SQLiteStore.pages(db) }
    return (pages - free) * size
  }

  /// Gives free pages back to the disk, in slices, where the file itself is larger than it may be.
  private func shrink(to bytes: Int64) async throws {
    while true {
      try Task.checkCancellation()
      let gaveBack = try await write { db in
        let (pages, free, size) = try SQLiteStore.pages(db)
        guard pages * size > bytes, free > 0 else { return false }
        try db.execute(sql: "PRAGMA incremental_vacuum(250)")
        return try SQLiteStore.pages(db).all < pages
      }
      guard gaveBack else { return }
    }
  }

  /// Deletes some of the chunks that were closed first, with texts as old; where there are neither, some
  /// of the oldest rows of the shortest windows that there are, never those of days.
  private static func giveUpOldest(_ db: Database) throws -> GivenUp {
    let oldest = "FROM chunk WHERE id IN (SELECT id FROM chunk ORDER BY id LIMIT 200)"
    let readings = try Int64.fetchOne(db, sql: "SELECT sum(count) \(oldest)") ?? 0
    guard readings > 0 else {
      let others =
        try SQLiteTexts(db: db).deleteOldest(before: nil) + SQLiteParking(db: db).deleteOldest()
      guard others > 0 else { return GivenUp(windowRows: try giveUpWindows(db)) }
      return GivenUp(readings: UInt64(others))
    }
    try db.execute(sql: "DELETE \(oldest)")
    let left = try Int64.fetchOne(db, sql: "SELECT first FROM chunk ORDER BY id LIMIT 1")
      .map(Timestamp.init(microseconds:))
    let texts = try SQLiteTexts(db: db).deleteOldest(before: left)
    return GivenUp(readings: UInt64(Int(readings) + texts), oldestLeft: left)
  }

  private static func giveUpWindows(_ db: Database) throws -> Int {
    // Level and span are parts of the id; the span alone orders rows by age.
    for level in WindowLevel.allCases where level != .d1 {
      try db.execute(
        sql: """
          DELETE FROM window WHERE id IN (
            SELECT id FROM window WHERE (id >> 32) & 7 = ? ORDER BY id & 0xFFFFFFFF LIMIT 200)
          """, arguments: [level.rawValue])
      if db.changesCount > 0 { return db.changesCount }
    }
    return 0
  }

  // MARK: - The write-ahead log

  /// Starts the log anew where readers, one overlapping the next, have kept SQLite from doing so.
  /// Readers wait for as long as the copying takes, and so do commits: it happens once in 64 MiB.
  func cutWriteAheadLog() async throws {
    guard SQLiteStore.fileBytes("\(path)-wal") > configuration.maxLogBytes else { return }
    do {
      try await Task { [pool] in
        try await pool.barrierWriteWithoutTransaction { db in _ = try db.checkpoint(.truncate) }
      }.value
    } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY {
      // Another process reads, a backup perhaps: in the next round.
    }
  }

  static func pages(_ db: Database) throws -> (all: Int64, free: Int64, size: Int64) {
    func pragma(_ name: String) throws -> Int64 {
      try Int64.fetchOne(db, sql: "PRAGMA \(name)") ?? 0
    }
    return (try pragma("page_count"), try pragma("freelist_count"), try pragma("page_size"))
  }

  /// What is free on a file's disk for programs like this one; nil where the system does not say.
  static func diskFreeBytes(_ path: String) -> Int64? {
    var disk = statvfs()
    guard statvfs(path, &disk) == 0 else { return nil }
    return Int64(
      clamping: UInt64(disk.f_bavail).multipliedReportingOverflow(by: UInt64(disk.f_frsize))
        .partialValue)
  }

  static func fileBytes(_ path: String) -> Int64 {
    var status = stat()
    return stat(path, &status) == 0 ? Int64(status.st_size) : 0
  }
}
