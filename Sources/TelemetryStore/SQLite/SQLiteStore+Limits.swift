package import BrokerCore
import GRDB
import Glibc
import Logging
import Synchronization
import TelemetryModel

/// Retention and size: what is older than its limit goes, and the oldest readings go before the file
/// grows past its own.
extension SQLiteStore {
  /// Part of the largest size that is left for what comes between two rounds.
  private static let reserve = 0.1

  /// Gives up everything that is older than its limit, in slices; commits go on meanwhile.
  ///
  /// - Throws: ``StoreError``.
  package func sweep() async throws {
    try await attempt {
      var next: SeriesID? = SeriesID(0)
      while let series = next {
        try Task.checkCancellation()
        next = try await sweepSlice(from: series)
      }
    }
  }

  /// What the store takes up, and what it gave up to stay within its limits.
  ///
  /// - Throws: ``StoreError``.
  package func usage() async throws -> StoreUsage {
    let (pages, free, pageSize) = try await attempt { [pool] in
      try await pool.read { db in try SQLiteStore.pages(db) }
    }
    var usage = StoreUsage(bytes: pages * pageSize + SQLiteStore.fileBytes("\(path)-wal"))
    usage.freeBytes = free * pageSize
    usage.maxBytes = configuration.limits.maxBytes
    usage.unfoldedReadings = head.size.readings
    usage.readingsGivenUp = bookkeeping.withLock { $0.readingsGivenUp }
    return usage
  }

  /// The database's pages, used or free, and the write-ahead log.
  ///
  /// - Throws: ``StoreError``.
  package func sizeBytes() async throws -> Int64 {
    try await usage().bytes
  }

  func stayWithinLimits() async throws {
    try await stayWithinSize()
    let now = now()
    let isDue = bookkeeping.withLock { state in
      if let last = state.lastSweep, now - last < configuration.sweepInterval { return false }
      state.lastSweep = now
      return true
    }
    if isDue { try await sweep() }
  }

  // MARK: - Age

  /// Returns the series to go on with, or nil after the last.
  private func sweepSlice(from first: SeriesID) async throws -> SeriesID? {
    let keptSince = keptSince()
    let rawSince = now() - configuration.limits.raw
    return try await write { [configuration] db in
      let end = ContinuousClock.now + configuration.slice
      let ids = try Int64.fetchAll(
        db, sql: "SELECT id FROM series WHERE id >= ? ORDER BY id LIMIT 500",
        arguments: [first.number])
      for id in ids {
        try SQLiteStore.sweep(db, SeriesID(id), rawSince: rawSince, keptSince: keptSince)
        if ContinuousClock.now >= end { return SeriesID(id + 1) }
      }
      return ids.count == 500 ? ids.last.map { SeriesID($0 + 1) } : nil
    }
  }

  private static func sweep(
    _ db: Database, _ series: SeriesID, rawSince: Timestamp,
    keptSince: (WindowLevel) -> Timestamp
  ) throws {
    try db.cachedStatement(
      sql: "DELETE FROM chunk WHERE series = ? AND first < ? AND last < ?"
    ).execute(arguments: [series.number, rawSince.microseconds, rawSince.microseconds])
    let chunks = SQLiteChunks(db: db)
    let tailEnd = try Int64.fetchOne(
      db.cachedStatement(sql: "SELECT last FROM tail WHERE series = ?"),
      arguments: [series.number])
    if let tailEnd, tailEnd < rawSince.microseconds {
      try SQLiteWindows(db: db).add(
        try chunks.giveUpTail(of: series), to: series, keptSince: keptSince)
    }
    for level in WindowLevel.allCases {
      let kept = keptSince(level)
      guard kept > .distantPast else { continue }
      try SQLiteWindows(db: db).delete(series, level, endingBefore: kept)
    }
  }

  // MARK: - Size

  private func stayWithinSize() async throws {
    guard let maxBytes = configuration.limits.maxBytes else { return }
    let target = Int64(Double(maxBytes) * (1 - SQLiteStore.reserve))
    var givenUp: UInt64 = 0
    var oldestLeft: Timestamp?
    while true {
      try Task.checkCancellation()
      let round = try await write { db -> (readings: UInt64, oldestLeft: Timestamp?)? in
        let (pages, free, pageSize) = try SQLiteStore.pages(db)
        guard (pages - free) * pageSize > target else { return nil }
        return try SQLiteStore.giveUpOldest(db)
      }
      guard let round, round.readings > 0 else { break }
      givenUp += round.readings
      oldestLeft = round.oldestLeft
    }
    guard givenUp > 0 else { return }
    bookkeeping.withLock { $0.readingsGivenUp += givenUp }
    logger.warning(
      "The store is at its largest size; the oldest readings are given up",
      metadata: [
        "maxBytes": "\(maxBytes)", "readings": "\(givenUp)",
        "oldestLeft": "\(oldestLeft.map(\.description) ?? "none")",
      ])
  }

  /// Deletes some of the chunks that were closed first.
  private static func giveUpOldest(
    _ db: Database
  ) throws -> (readings: UInt64, oldestLeft: Timestamp?) {
    let oldest = "FROM chunk WHERE id IN (SELECT id FROM chunk ORDER BY id LIMIT 200)"
    let readings = try Int64.fetchOne(db, sql: "SELECT sum(count) \(oldest)") ?? 0
    try db.execute(sql: "DELETE \(oldest)")
    let left = try Int64.fetchOne(db, sql: "SELECT first FROM chunk ORDER BY id LIMIT 1")
    return (UInt64(readings), left.map(Timestamp.init(microseconds:)))
  }

  private static func pages(_ db: Database) throws -> (all: Int64, free: Int64, size: Int64) {
    func pragma(_ name: String) throws -> Int64 {
      try Int64.fetchOne(db, sql: "PRAGMA \(name)") ?? 0
    }
    return (try pragma("page_count"), try pragma("freelist_count"), try pragma("page_size"))
  }

  private static func fileBytes(_ path: String) -> Int64 {
    var status = stat()
    return stat(path, &status) == 0 ? Int64(status.st_size) : 0
  }
}
