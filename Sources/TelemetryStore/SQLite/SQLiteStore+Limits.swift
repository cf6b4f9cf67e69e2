package import BrokerCore
import GRDB
import Synchronization
import TelemetryModel

/// Retention: what is older than its limit goes.
extension SQLiteStore {
  /// How long after it was seen damage is reported.
  private static let damageIsSaid: Duration = .seconds(86_400)

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
      let gapsSince = now() - configuration.limits.h1
      try await write { db in
        try db.execute(
          sql: "DELETE FROM gap WHERE reported < ?", arguments: [gapsSince.microseconds])
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
    usage.diskFreeBytes = SQLiteStore.diskFreeBytes(path)
    usage.maxBytes = configuration.limits.maxBytes
    usage.unfoldedReadings = head.size.readings
    let forgotten = now() - SQLiteStore.damageIsSaid
    bookkeeping.withLock { state in
      usage.readingsGivenUp = state.readingsGivenUp
      if let damage = state.damage, damage.seen < forgotten { state.damage = nil }
      usage.problem = state.problem ?? state.damage?.text
    }
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
      state.damagedSeries = []
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
    try SQLiteTexts(db: db).delete(series, before: rawSince)
    try SQLiteParking(db: db).delete(series, endingBefore: rawSince)
    let chunks = SQLiteChunks(db: db)
    let tailEnd = try Int64.fetchOne(
      db.cachedStatement(sql: "SELECT last FROM tail WHERE series = ?"),
      arguments: [series.number])
    if let tailEnd, tailEnd < rawSince.microseconds {
      do {
        try SQLiteWindows(db: db).add(
          try chunks.giveUpTail(of: series), to: series, keptSince: keptSince)
      } catch is DamagedBlob {
        // Too old to be kept, and whoever read it was told.
        try chunks.dropTail(of: series)
      }
    }
    for level in WindowLevel.allCases {
      let kept = keptSince(level)
      guard kept > .distantPast else { continue }
      try SQLiteWindows(db: db).delete(series, level, endingBefore: kept)
    }
  }
}
