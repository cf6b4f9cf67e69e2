package import BrokerCore
package import DeviceProtocol
import GRDB
package import TelemetryModel

/// The embedded store: one SQLite file in write-ahead mode.
///
/// Writes go through GRDB's one writer queue; readers take snapshots from a pool and hold nobody up.
/// A commit is synced to the disk before ``commit(_:)`` returns (`synchronous = FULL`).
package final class SQLiteStore: SampleStore {
  /// The store's file inside the broker's state folder.
  package static let fileName = "telemetry.sqlite"

  private let path: String
  private let pool: DatabasePool

  /// Opens or makes the file; its folder must exist.
  ///
  /// - Throws: ``StoreError`` where the file is no store, or cannot be opened or written.
  package init(path: String) throws {
    self.path = path
    var configuration = Configuration()
    configuration.label = "store"
    configuration.maximumReaderCount = 4
    configuration.prepareDatabase { db in
      try db.execute(sql: "PRAGMA synchronous = FULL")
    }
    do {
      pool = try DatabasePool(path: path, configuration: configuration)
    } catch {
      throw StoreError(error, path: path)
    }
  }

  /// Migrates the file to this program's schema and reads what the broker keeps in memory.
  ///
  /// - Throws: ``StoreError``.
  package func open() async throws -> StoreContents {
    try await attempt { [pool] in
      try SQLiteSchema.migrator.migrate(pool)
      return try await pool.read { db in
        StoreContents(
          lastCommit: try SQLiteStore.lastCommit(db),
          series: try SQLiteCatalogue.series(db),
          devices: try SQLiteCatalogue.devices(db))
      }
    }
  }

  /// Writes one batch in one transaction, synced to the disk before this returns.
  ///
  /// - Throws: ``StoreError``.
  package func commit(_ batch: IngestBatch) async throws {
    try await attempt { [pool] in
      try await pool.write { db in try SQLiteWriter.write(batch, to: db) }
    }
  }

  /// Reads an epoch's stored packs on a snapshot.
  ///
  /// - Throws: ``StoreError``.
  package func ackedRanges(device: DeviceID, epoch: String) async throws -> SequenceRanges {
    try await attempt { [pool] in
      try await pool.read { db in
        try SQLiteCatalogue.ackedRanges(db, device: device, epoch: epoch)
      }
    }
  }

  /// Reads rows on a snapshot; holds the writer up at no time.
  ///
  /// - Throws: ``StoreError``.
  package func history(_ request: HistoryRequest) async throws -> HistoryPage {
    try await attempt { [pool] in
      try await pool.read { db in
        try SQLiteHistory(db, withSketch: request.functions.contains { $0.quantile != nil })
          .page(request)
      }
    }
  }

  /// Makes windows of the readings in a span on a snapshot.
  ///
  /// - Throws: ``StoreError``.
  package func windows(
    of series: [SeriesID], resolution: Resolution, from: Timestamp, to: Timestamp, withSketch: Bool
  ) async throws -> WindowStates {
    try await attempt { [pool] in
      try await pool.read { db in
        try SQLiteHistory(db, withSketch: withSketch)
          .windows(of: series, resolution: resolution, from: from, to: to)
      }
    }
  }

  /// Reads packs given up on a snapshot, by device and then by time.
  ///
  /// - Throws: ``StoreError``.
  package func gaps(
    devices: [DeviceID], from: Timestamp, to: Timestamp
  ) async throws -> [StoredGap] {
    try await attempt { [pool] in
      try await pool.read { db in
        try SQLiteCatalogue.gaps(db, devices: devices, from: from, to: to)
      }
    }
  }

  /// The database's pages, used or free; without the write-ahead log.
  ///
  /// - Throws: ``StoreError``.
  package func sizeBytes() async throws -> Int64 {
    try await attempt { [pool] in
      try await pool.read { db in
        let pages = try Int64.fetchOne(db, sql: "PRAGMA page_count") ?? 0
        let size = try Int64.fetchOne(db, sql: "PRAGMA page_size") ?? 0
        return pages * size
      }
    }
  }

  /// Moves the write-ahead log into the file and closes it.
  ///
  /// - Throws: ``StoreError``.
  package func close() async throws {
    try await attempt { [pool] in
      // What is in the write-ahead log goes into the file, so that a copy of it alone is whole.
      _ = try await pool.writeWithoutTransaction { db in try db.checkpoint(.truncate) }
      try pool.close()
    }
  }

  static func lastCommit(_ db: Database) throws -> CommitNumber {
    CommitNumber(try Int64.fetchOne(db, sql: "SELECT max(number) FROM commitLog") ?? 0)
  }

  private func attempt<Result>(_ body: () async throws -> Result) async throws -> Result {
    do {
      return try await body()
    } catch {
      throw StoreError(error, path: path)
    }
  }
}

extension StoreError {
  /// What SQLite's answer means to the broker (result codes: sqlite.org/rescode.html).
  fileprivate init(_ error: any Error, path: String) {
    guard let error = error as? DatabaseError else {
      self = error as? StoreError ?? .unavailable("\(path): \(error)")
      return
    }
    let text = "\(path): \(error.message ?? error.resultCode.description)"
    switch error.resultCode {
    case .SQLITE_NOTADB, .SQLITE_CORRUPT: self = .unusable(text)
    default: self = .unavailable(text)
    }
  }
}
