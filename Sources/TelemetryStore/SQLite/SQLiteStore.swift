package import BrokerCore
package import DeviceProtocol
import GRDB
import Glibc
package import Logging
import Synchronization
package import TelemetryModel

/// The embedded store: one SQLite file in write-ahead mode.
///
/// A commit writes one row of the journal and is synced to the disk before ``commit(_:)`` returns
/// (`synchronous = FULL`); its readings are held in memory by series until a fold puts them into
/// compressed chunks and windows. Writes go through GRDB's one writer queue, folding and retention in
/// slices of some milliseconds between commits; readers take snapshots from a pool and hold nobody up.
package final class SQLiteStore: SampleStore {
  /// When the store does what, and how much it keeps.
  package struct Configuration: Sendable {
    /// How long things are kept, and how large the file may become.
    package var limits = StoreLimits()
    /// Readings are folded once the oldest has waited this long…
    package var foldAge: Duration = .seconds(600)
    /// …or this many wait. What waits takes 24 bytes of memory and about 11 on disk each.
    package var foldReadings = 2_000_000
    /// What came within this time stays unfolded where memory allows, so that readers can go on from
    /// a commit.
    package var resumeSpan: Duration = .seconds(300)
    /// How long a slice of folding or retention may hold up the writer.
    package var slice: Duration = .milliseconds(8)
    /// How often the store looks whether there is something to fold or to give up.
    package var maintenanceInterval: Duration = .seconds(1)
    /// How often everything is looked through for what is older than its limit.
    package var sweepInterval: Duration = .seconds(600)
    /// How long SQLite's write-ahead log may be when a round of upkeep comes by.
    package var maxLogBytes: Int64 = 64 << 20
    /// Whether the store does all that by itself; otherwise only when told to.
    package var maintainsItself = true

    /// The defaults above.
    package init() {}
  }

  /// The store's file inside the broker's state folder.
  package static let fileName = "telemetry.sqlite"
  /// Files up to this size are checked whole when they are opened; SQLite takes about a second.
  private static let checkedBytes: Int64 = 256 << 20

  let path: String
  let pool: DatabasePool
  let head = Head()
  let configuration: Configuration
  let logger: Logger
  let now: @Sendable () -> Timestamp
  let bookkeeping = Mutex(Bookkeeping())
  private let maintenance = Mutex<Task<Void, Never>?>(nil)

  /// Opens or makes the file; its folder must exist. `now` is the wall clock.
  ///
  /// - Throws: ``StoreError`` where the file is no store, or cannot be opened or written.
  package init(
    path: String, configuration: Configuration = Configuration(),
    logger: Logger = Logger(label: "hawser.store"),
    now: @escaping @Sendable () -> Timestamp = SQLiteStore.wallClock
  ) throws {
    self.path = path
    self.configuration = configuration
    self.logger = logger
    self.now = now
    var database = GRDB.Configuration()
    database.label = "store"
    database.maximumReaderCount = 4
    database.prepareDatabase { db in
      try db.execute(sql: "PRAGMA synchronous = FULL")
      // After a long read the log may be large; the next checkpoint cuts it back to this.
      try db.execute(sql: "PRAGMA journal_size_limit = 67108864")
      // Only a file that is still empty takes this up: free pages can be given back to the disk.
      if !db.configuration.readonly { try db.execute(sql: "PRAGMA auto_vacuum = INCREMENTAL") }
    }
    do {
      pool = try DatabasePool(path: path, configuration: database)
    } catch {
      throw StoreError(error, path: path)
    }
  }

  deinit {
    maintenance.withLock { $0?.cancel() }
  }

  /// The system's wall clock, to the microsecond.
  @Sendable package static func wallClock() -> Timestamp {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(
      microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)
  }

  /// Checks the file, migrates it to this program's schema, takes up what is not folded yet and reads
  /// what the broker keeps in memory.
  ///
  /// - Throws: ``StoreError``.
  package func open() async throws -> StoreContents {
    let contents = try await attempt {
      try await pool.read { db in try SQLiteStore.check(db) }
      try SQLiteSchema.migrator.migrate(pool)
      let runs = await beginRun()
      return try await pool.read { [head] db in
        try SQLiteStore.takeUpJournal(db, head)
        return StoreContents(
          lastCommit: try SQLiteProgress.lastCommit(db),
          series: try SQLiteCatalogue.series(db),
          devices: try SQLiteCatalogue.devices(db),
          lastReceived: try SQLiteCatalogue.lastReceived(db), runs: runs)
      }
    }
    if configuration.maintainsItself { startMaintenance() }
    return contents
  }

  /// A new run in the store's list of them. Where that cannot be written, as on a full disk, cursors of
  /// this run are not known for such.
  private func beginRun() async -> StoreRuns {
    let runs = try? await write { db in
      try SQLiteRuns.begin(db, tag: .random(in: 1...UInt32.max))
      return try SQLiteRuns.fetch(db)
    }
    return runs ?? StoreRuns()
  }

  /// Writes one batch in one transaction, synced to the disk before this returns.
  ///
  /// - Throws: ``StoreError``.
  package func commit(_ batch: IngestBatch) async throws {
    // Where folding fails for long, memory must not fill: devices keep what is not taken.
    if head.size.readings > configuration.foldReadings * 4 {
      throw StoreError.unavailable(
        bookkeeping.withLock { $0.problem } ?? "\(path): readings come faster than they fold"
      )
    }
    let journal = JournalBlob.encode(batch.samples)
    try await attempt {
      try await write { db in try SQLiteWriter.write(batch, journal: journal, to: db) }
    }
    // Only now, and not by an observer of the transaction: where COMMIT itself fails, as on a full
    // disk, GRDB keeps such observers for the next one. Folds cannot come in between, they go no
    // further than the head does.
    head.append(batch.samples, commit: batch.commit, received: batch.received)
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
    let withSketch = request.functions.contains { $0.quantile != nil }
    return try await read(request.series, withSketch: withSketch) { try $0.page(request) }
  }

  /// Hands out stored windows, with what is not in them yet, on a snapshot.
  ///
  /// - Throws: ``StoreError``.
  package func windows(
    of series: [SeriesID], resolution: Resolution, from: Timestamp, to: Timestamp, withSketch: Bool
  ) async throws -> WindowStates {
    try await read(series, withSketch: withSketch) {
      try $0.states(of: series, resolution: resolution, from: from, to: to)
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

  /// Moves the write-ahead log into the file and closes it; of no effect a second time.
  ///
  /// - Throws: ``StoreError``.
  package func close() async throws {
    let running = maintenance.withLock { task in
      defer { task = nil }
      return task
    }
    running?.cancel()
    await running?.value
    let wasClosed = bookkeeping.withLock { state in
      defer { state.isClosed = true }
      return state.isClosed
    }
    guard !wasClosed else { return }
    try await attempt { [pool] in
      // What is in the write-ahead log goes into the file, so that a copy of it alone is whole.
      _ = try await pool.writeWithoutTransaction { db in try db.checkpoint(.truncate) }
      try pool.close()
    }
  }

  private func startMaintenance() {
    maintenance.withLock { task in
      guard task == nil else { return }
      task = Task { [weak self, interval = configuration.maintenanceInterval] in
        while !Task.isCancelled {
          let isBehind = self?.isFarBehind ?? false
          if !isBehind { try? await Task.sleep(for: interval) }
          guard !Task.isCancelled, let self else { return }
          await self.maintain()
        }
      }
    }
  }

  // MARK: - Opening

  private static func check(_ db: Database) throws {
    if try SQLiteSchema.migrator.hasBeenSuperseded(db) {
      throw StoreError.unusable("the store was written by a newer version of this program")
    }
    let bytes = try Int64.fetchOne(
      db, sql: "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
    guard let bytes, bytes <= checkedBytes else { return }
    let answer = try String.fetchOne(db, sql: "PRAGMA quick_check(1)")
    guard answer == "ok" else { throw StoreError.unusable(answer ?? "the check gave no answer") }
  }

  /// Puts into the head what is in the journal only.
  private static func takeUpJournal(_ db: Database, _ head: Head) throws {
    let progress = try SQLiteProgress.fetch(db)
    head.reset(last: try SQLiteProgress.lastCommit(db))
    let rows = try Row.fetchCursor(
      db, sql: "SELECT number, received, data FROM journal WHERE number > ? ORDER BY number",
      arguments: [progress.folded.number])
    while let row = try rows.next() {
      let commit = CommitNumber(row[0])
      head.append(
        try row.withBytes(at: 2) { try JournalBlob.decode($0) }, commit: commit,
        received: Timestamp(microseconds: row[1])
      ) { progress.folded($0) >= commit }
    }
  }

  // MARK: - Reading

  /// Reads the head and the file as of one commit.
  private func read<Result: Sendable>(
    _ series: [SeriesID], withSketch: Bool,
    _ body: @escaping @Sendable (SQLiteHistory) throws -> Result
  ) async throws -> Result {
    try await attempt { [pool, head] in
      while true {
        // Before the read: it takes its snapshot when it begins, and what a fold has put into the file
        // since must not be gone from the view.
        let view = head.view(of: series)
        let result = try await pool.read { db -> Result? in
          let progress = try SQLiteProgress.fetch(db)
          // A fold came in between, of commits that the view does not know: once more.
          guard progress.newest <= view.last else { return nil }
          return try body(
            SQLiteHistory(db, view: view, progress: progress, withSketch: withSketch))
        }
        if let result { return result }
      }
    }
  }

  /// Writes in one transaction that the caller's cancellation does not break off: GRDB would
  /// interrupt the connection, and with it whatever runs there by then.
  func write<Result: Sendable>(
    _ body: @escaping @Sendable (Database) throws -> Result
  ) async throws -> Result {
    try await Task { [pool] in try await pool.write(body) }.value
  }

  func attempt<Result>(_ body: () async throws -> Result) async throws -> Result {
    do {
      return try await body()
    } catch let cancelled as CancellationError {
      // Nothing is wrong with the store.
      throw cancelled
    } catch {
      let error = StoreError(error, path: path)
      if case .unusable(let text) = error { noteDamage(text) }
      throw error
    }
  }

  /// Whoever finds damage gets an error; operators are to hear of it too.
  func noteDamage(_ text: String) {
    let now = now()
    let isNew = bookkeeping.withLock { state in
      defer { state.damage = (text, now) }
      return state.damage == nil
    }
    if isNew { logger.error("The store is damaged", metadata: ["error": "\(text)"]) }
  }
}
