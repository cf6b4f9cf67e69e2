import BrokerCore
import DeviceProtocol
import GRDB
import TelemetryModel
import TestValues
import Testing

@testable import TelemetryStore

/// Stores of older programs, retention, size, and files that are damaged or full.
@Suite("Upkeep of the store")
struct StoreUpkeepTests {
  private let fixture: StoreFixture
  private let day: Duration = .seconds(86_400)

  init() throws {
    fixture = try StoreFixture()
  }

  private func configuration() -> SQLiteStore.Configuration {
    var configuration = SQLiteStore.Configuration()
    configuration.maintainsItself = false
    return configuration
  }

  private func rows(
    _ store: SQLiteStore, _ resolution: Resolution = .raw
  ) async throws -> [HistoryRow] {
    try await store.history(
      HistoryRequest(
        series: [SeriesID(1)], from: .distantPast, to: .distantFuture, resolution: resolution,
        functions: resolution == .raw ? [] : [.count], limitRows: 10_000_000)
    ).rows
  }

  private func filled(
    _ store: SQLiteStore, readings: Int, every step: Duration = .seconds(1)
  ) async throws {
    _ = try await store.open()
    var batch = IngestBatch(commit: CommitNumber(1), received: fixture.start)
    batch.newSeries = [try fixture.series(1, "temp")]
    batch.samples = (0..<readings).map {
      Sample(
        series: SeriesID(1), time: fixture.start + step * $0,
        value: Double(2000 + $0 * 7919 % 100) / 100)
    }
    try await store.commit(batch)
    try await store.fold()
  }

  @Test("A store of the first layout keeps every reading, and has windows of them")
  func migration() async throws {
    var right: [(time: Timestamp, value: Double)] = []
    do {
      let queue = try DatabaseQueue(path: fixture.path)
      try SQLiteSchema.migrator.migrate(queue, upTo: "2: labels set by operators")
      try await queue.write { [fixture] db in
        try db.execute(sql: "INSERT INTO series VALUES (1, 'pi-7', 'temp', 'Cel')")
        try db.execute(
          sql: "INSERT INTO device VALUES ('pi-7', '{}', NULL, NULL, ?, '{}')",
          arguments: [fixture.start.microseconds])
        try db.execute(sql: "INSERT INTO acked VALUES ('pi-7', 'e1', '[[1,9]]')")
        for index in 0..<25_000 {
          // Every tenth is late; some share a moment.
          let offset = index % 10 == 9 ? index / 2 : index / 3 * 3
          try db.execute(
            sql: "INSERT INTO sample (series, time, value) VALUES (1, ?, ?)",
            arguments: [
              (fixture.start + .seconds(offset)).microseconds, Double(index % 977) / 10,
            ])
        }
        try db.execute(sql: "INSERT INTO commitLog VALUES (41, 20000), (42, 25000)")
        let rows = try Row.fetchAll(db, sql: "SELECT time, value FROM sample ORDER BY time, id")
        #expect(rows.count == 25_000)
      }
      right = try await queue.read { db in
        try Row.fetchAll(db, sql: "SELECT time, value FROM sample ORDER BY time, id").map {
          (Timestamp(microseconds: $0[0]), $0[1])
        }
      }
      try queue.close()
    }
    let store = try fixture.store(configuration())
    let contents = try await store.open()
    #expect(contents.lastCommit == CommitNumber(42))
    #expect(contents.series == [try fixture.series(1, "temp")])
    #expect(contents.devices.map(\.departure?.at) == [fixture.start])
    let read = try await rows(store)
    #expect(read.map(\.time) == right.map(\.time))
    #expect(read.map { $0.values[0] } == right.map(\.value))
    let hours = try await rows(store, .h1)
    #expect(hours.reduce(0) { $0 + ($1.values[0] ?? 0) } == 25_000)
    #expect(try await !store.ackedRanges(device: fixture.pi, epoch: "e1").isEmpty)
    try await store.commit(fixture.batch(43, [(0, 1)]))
    #expect(try await rows(store).count == 25_001)
    try await store.close()
  }

  @Test("What is older than its limit goes, each resolution at its own; what is younger stays")
  func retention() async throws {
    let now = fixture.start + day * 40
    let store = try SQLiteStore(
      path: fixture.path, configuration: configuration(), now: { now })
    // Forty days, a reading every five minutes.
    try await filled(store, readings: 40 * 288, every: .seconds(300))
    let before = try await rows(store, .h1).count
    try await store.sweep()
    let raw = try await rows(store)
    #expect(raw.count >= 288, "a day of readings is kept")
    #expect(raw.count < 288 + 1_200, "and little more: a chunk may reach over the limit")
    let tens = try await rows(store, .s10)
    #expect(tens.count >= 7 * 288 && tens.count < 8 * 288)
    let minutes = try await rows(store, .m1)
    #expect(minutes.count >= 30 * 288 && minutes.count < 31 * 288)
    let hours = try await rows(store, .h1)
    #expect(hours.count == before && hours.count == 40 * 24)
    // Late by a month: the windows it belongs to are amended although their readings are gone.
    try await store.commit(
      IngestBatch.late(2, fixture.start + .seconds(10), received: now))
    try await store.fold()
    let amended = try await rows(store, .h1)
    #expect(amended.first?.values == [13])
    #expect(try await rows(store, .s10).first?.time == tens.first?.time, "not those given up")
    try await store.close()
  }

  @Test("The oldest readings go before the file outgrows its limit; windows stay")
  func largestSize() async throws {
    var limited = configuration()
    limited.limits.raw = day * 10_000
    limited.limits.s10 = day * 10_000
    limited.limits.maxBytes = 400_000
    let store = try fixture.store(limited)
    try await filled(store, readings: 300_000)
    let days = try await rows(store, .d1)
    try await store.stayWithinLimits()
    let usage = try await store.usage()
    let left = try await rows(store)
    #expect(usage.readingsGivenUp > 0)
    #expect(UInt64(left.count) + usage.readingsGivenUp == 300_000)
    #expect(left.last?.time == fixture.start + .seconds(299_999), "the newest stay")
    #expect(try await rows(store, .d1).map(\.values) == days.map(\.values))
    try await store.close()
  }

  @Test("A full file takes nothing, loses nothing, and goes on when there is room")
  func full() async throws {
    let store = try fixture.store(configuration())
    try await filled(store, readings: 1_000)
    let pages = try await store.pool.write { db in
      let pages = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
      try db.execute(sql: "PRAGMA max_page_count = \(pages + 2)")
      return pages
    }
    var commit: Int64 = 2
    var refused: StoreError?
    while refused == nil, commit < 200 {
      do {
        try await store.commit(
          fixture.batch(commit, (0..<400).map { ($0, Double($0)) }, acked: UInt64(commit)))
        commit += 1
      } catch let error as StoreError {
        refused = error
      }
    }
    guard case .unavailable(let text) = refused else {
      Issue.record("not refused as unavailable: \(String(describing: refused))")
      return
    }
    #expect(text.contains("full"))
    let stored = 1_000 + Int(commit - 2) * 400
    #expect(try await rows(store).count == stored)
    await #expect(throws: StoreError.self) { try await store.fold() }
    #expect(try await rows(store).count == stored, "a fold that fails leaves everything as it was")
    try await store.pool.writeWithoutTransaction { db in
      try db.execute(sql: "PRAGMA max_page_count = \(pages + 10_000)")
    }
    try await store.commit(fixture.batch(commit, [(0, 1)]))
    try await store.fold()
    #expect(try await rows(store).count == stored + 1)
    try await store.close()
  }

  @Test("Flipped bytes are found: at opening, or when what they damage is read")
  func flippedBytes() async throws {
    let store = try fixture.store(configuration())
    try await filled(store, readings: 20_000)
    // Without the journal's free pages, where damage does none.
    try await store.pool.writeWithoutTransaction { db in try db.execute(sql: "VACUUM") }
    let days = try await rows(store, .d1)
    let tens = try await rows(store, .s10)
    try await store.close()
    let whole = try TextFile.read(fixture.path)
    let right: [Double?] = (0..<20_000).map { Double(2000 + $0 * 7919 % 100) / 100 }
    var random = Seeded(7)
    var found = 0
    for _ in 0..<20 {
      var damaged = whole
      let place = Int.random(in: 100..<damaged.count, using: &random)
      damaged[place] ^= UInt8.random(in: 1...255, using: &random)
      for ending in ["-wal", "-shm"] { try TextFile.remove(fixture.path + ending) }
      try TextFile.write(damaged, to: fixture.path)
      do {
        let store = try fixture.store(configuration())
        _ = try await store.open()
        let values = try await rows(store).map { $0.values[0] }
        let isRight = values == right
        #expect(isRight, "byte \(place): wrong readings, and nothing said")
        #expect(try await rows(store, .d1) == days, "byte \(place): a wrong day")
        #expect(try await rows(store, .s10) == tens, "byte \(place): wrong windows")
        try await store.close()
      } catch let error as StoreError {
        found += 1
        if case .unusable(let text) = error { #expect(text.contains("backup")) }
      }
    }
    // The rest lies where nothing is, or in windows and sketches that were not asked for.
    #expect(found > 0)
  }
}

extension IngestBatch {
  /// One late reading of series 1.
  fileprivate static func late(
    _ commit: Int64, _ time: Timestamp, received: Timestamp
  ) -> IngestBatch {
    var batch = IngestBatch(commit: CommitNumber(commit), received: received)
    batch.samples = [Sample(series: SeriesID(1), time: time, value: 20, quality: .late)]
    return batch
  }
}
