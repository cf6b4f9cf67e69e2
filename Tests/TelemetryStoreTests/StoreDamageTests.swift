import BrokerCore
import DeviceProtocol
import Foundation
import GRDB
import Logging
import Metrics
import Synchronization
import TelemetryModel
import Testing

@testable import TelemetryStore

/// Damage inside the file of a store that is open, and a store that does not answer for a time.
@Suite("A store in trouble")
struct StoreDamageTests {
  private let fixture: StoreFixture

  init() throws {
    fixture = try StoreFixture()
  }

  private func rows(_ store: SQLiteStore) async throws -> [Double?] {
    try await store.history(
      HistoryRequest(
        series: [SeriesID(1)], from: .distantPast, to: .distantFuture, resolution: .raw,
        functions: [], limitRows: 100_000)
    ).rows.map { $0.values[0] }
  }

  @Test(
    """
    A damaged block is an error for who reads it, and said; commits and folds go on, nothing is lost, \
    and once the block is whole all is as it was
    """)
  func damagedBlock() async throws {
    var configuration = SQLiteStore.Configuration()
    configuration.maintainsItself = false
    configuration.foldReadings = 1
    configuration.sweepInterval = .zero
    let store = try fixture.store(configuration)
    _ = try await store.open()
    let series = [try fixture.series(1, "temp"), try fixture.series(2, "hum")]
    try await store.commit(
      fixture.batch(1, new: series, (0..<50).map { ($0 * 1_000, 1) }))
    try await store.fold()
    #expect(try await store.usage().problem == nil)
    let whole = try await store.pool.write { db in
      let whole = try Data.fetchOne(db, sql: "SELECT data FROM tail") ?? Data()
      var damaged = whole
      damaged[damaged.count / 2] ^= 0x10
      try db.execute(sql: "UPDATE tail SET data = ?", arguments: [damaged])
      return whole
    }
    await #expect(throws: StoreError.self) { try await rows(store) }
    await store.maintain()
    #expect(try await store.usage().problem?.contains("damaged") == true)
    for commit in 2...4 as ClosedRange<Int64> {
      try await store.commit(fixture.batch(commit, [(Int(commit) * 100_000, Double(commit))]))
      await store.maintain()
      #expect(try await store.usage().unfoldedReadings == 0)
    }
    try await store.commit(fixture.batch(5, series: 2, [(0, 7)]))
    await store.maintain()
    await #expect(throws: StoreError.self) { try await rows(store) }
    try await store.close()

    let again = try fixture.store(configuration)
    _ = try await again.open()
    try await again.pool.write { db in
      try db.execute(sql: "UPDATE tail SET data = ? WHERE series = 1", arguments: [whole])
    }
    let right = Array(repeating: 1, count: 50) + [2, 3, 4] as [Double?]
    #expect(try await rows(again) == right)
    #expect(try await minutes(again) == 53)
    try await again.commit(fixture.batch(6, [(600_000, 5)]))
    await again.maintain()
    #expect(try await rows(again) == right + [5])
    #expect(try await minutes(again) == 54)
    let left = try await again.pool.read {
      try Int.fetchOne($0, sql: "SELECT count(*) FROM parked")
    }
    #expect(left == 0)
    try await again.close()
  }

  private func minutes(_ store: SQLiteStore) async throws -> Double {
    try await store.history(
      HistoryRequest(
        series: [SeriesID(1)], from: .distantPast, to: .distantFuture, resolution: .m1,
        functions: [.count], limitRows: 1_000)
    ).rows.reduce(0) { $0 + ($1.values[0] ?? 0) }
  }

  @Test("A damaged window holds up its own series alone; what is too old goes, read or not")
  func damagedWindow() async throws {
    var configuration = SQLiteStore.Configuration()
    configuration.maintainsItself = false
    let now = fixture.start + .seconds(3_600)
    let store = try SQLiteStore(
      path: fixture.path, configuration: configuration, now: { now })
    _ = try await store.open()
    let series = [try fixture.series(1, "temp"), try fixture.series(2, "hum")]
    var batch = fixture.batch(1, new: series, (0..<1_000).map { ($0 * 1_000, 1) })
    batch.samples += (0..<1_000).map {
      Sample(series: SeriesID(2), time: fixture.start + .seconds($0), value: 2)
    }
    try await store.commit(batch)
    try await store.fold()
    try await store.pool.write { db in
      try db.execute(
        sql: "UPDATE window SET data = zeroblob(40) WHERE id >> 35 = 1 AND (id >> 32) & 7 = 2")
    }
    // Late, into windows that are stored.
    batch = fixture.batch(2, [(5_500, 9)])
    batch.samples.append(
      Sample(series: SeriesID(2), time: fixture.start + .milliseconds(5_500), value: 9))
    try await store.commit(batch)
    try await store.fold()
    #expect(try await store.usage().problem?.contains("damaged") == true)
    #expect(try await store.usage().unfoldedReadings == 0)
    #expect(try await rows(store).filter { $0 == 9 }.count == 1)
    let counts = try await store.windows(
      of: [SeriesID(2)], resolution: .d1, from: .distantPast, to: .distantFuture, withSketch: true)
    #expect(counts.entries.reduce(0) { $0 + $1.summary.aggregate.count } == 1_001)
    try await store.close()
    let later = now + .seconds(40 * 86_400)
    let aged = try SQLiteStore(
      path: fixture.path, configuration: configuration, now: { later })
    _ = try await aged.open()
    try await aged.sweep()
    #expect(try await rows(aged).isEmpty)
    try await aged.close()
  }

  private final class Origin: PackOrigin {
    let acked = Mutex(SequenceRanges())

    func packsCommitted(_ ranges: SequenceRanges) {
      acked.withLock { $0.merge(ranges) }
    }

    func recordsRefused(_ refusal: PackRefusal) {}
  }

  /// Refuses to say what is stored of a spool for some calls.
  private final class Reluctant: SampleStore {
    private let store: SQLiteStore
    private let refusals = Mutex(3)

    init(_ store: SQLiteStore) {
      self.store = store
    }

    func open() async throws -> StoreContents { try await store.open() }
    func commit(_ batch: IngestBatch) async throws { try await store.commit(batch) }
    func history(_ request: HistoryRequest) async throws -> HistoryPage {
      try await store.history(request)
    }
    func windows(
      of series: [SeriesID], resolution: Resolution, from: Timestamp, to: Timestamp,
      withSketch: Bool
    ) async throws -> WindowStates {
      try await store.windows(
        of: series, resolution: resolution, from: from, to: to, withSketch: withSketch)
    }
    func gaps(
      devices: [DeviceID], from: Timestamp, to: Timestamp
    ) async throws -> [StoredGap] {
      try await store.gaps(devices: devices, from: from, to: to)
    }
    func sizeBytes() async throws -> Int64 { try await store.sizeBytes() }
    func close() async throws { try await store.close() }

    func ackedRanges(device: DeviceID, epoch: String) async throws -> SequenceRanges {
      let refuses = refusals.withLock { left in
        left -= 1
        return left >= 0
      }
      if refuses { throw StoreError.unavailable("the disk fails") }
      return try await store.ackedRanges(device: device, epoch: epoch)
    }
  }

  @Test("A pack waits until the store says what it has of its spool; it does not come again")
  func waitsForSpool() async throws {
    let store = Reluctant(try fixture.store())
    let contents = try await store.open()
    var configuration = IngestPipeline.Configuration()
    configuration.retryInterval = .milliseconds(5)
    let now = fixture.start
    let health = StoreHealth()
    let pipeline = IngestPipeline(
      store: store, lastCommit: contents.lastCommit, catalog: SeriesCatalog(),
      registry: DeviceRegistry(), health: health, configuration: configuration,
      metrics: BrokerMetrics(factory: NOOPMetricsHandler.instance),
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, now: { now },
      committed: { _ in })
    let running = Task { await pipeline.run() }
    let origin = Origin()
    var reader = pipeline.makeReader(for: fixture.pi)
    let source = PackReader.Source(
      epoch: "e1", seq: 1, lane: .live, received: now, origin: origin)
    let pack = Array(#"[{"n":"temp","u":"Cel","v":21}]"#.utf8)
    #expect(pipeline.submit(reader.read(pack.span, from: source, with: PackDecoder())))
    for _ in 0..<2_000 where origin.acked.withLock({ !$0.contains(1) }) {
      try await Task.sleep(for: .milliseconds(5))
    }
    #expect(origin.acked.withLock { $0.contains(1) })
    #expect(health.problem == nil)
    pipeline.stop()
    await running.value
    try await store.close()
  }

  @Test("A file that is no store is refused in words, and left as it is")
  func noStore() async throws {
    let text = Array("This is not a database, and it is longer than a header is.\n".utf8)
    try TextFile.write(text, to: fixture.path)
    do {
      let store = try fixture.store()
      _ = try await store.open()
      Issue.record("opened")
    } catch let error as StoreError {
      guard case .unusable = error else {
        Issue.record("not called unusable: \(error)")
        return
      }
    }
    #expect(try TextFile.read(fixture.path) == text)
  }
}
