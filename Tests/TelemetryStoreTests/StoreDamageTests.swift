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

  @Test("A damaged block is an error for who reads it, and said; commits go on, nothing is lost")
  func damagedBlock() async throws {
    var configuration = SQLiteStore.Configuration()
    configuration.maintainsItself = false
    configuration.foldReadings = 1
    let store = try fixture.store(configuration)
    _ = try await store.open()
    try await store.commit(
      fixture.batch(1, new: [try fixture.series(1, "temp")], (0..<50).map { ($0 * 1_000, 1) }))
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
    try await store.commit(fixture.batch(2, [(100_000, 2)]))
    await store.maintain()
    #expect(try await store.usage().unfoldedReadings == 1)
    try await store.pool.write { db in
      try db.execute(sql: "UPDATE tail SET data = ?", arguments: [whole])
    }
    await store.maintain()
    #expect(try await store.usage().unfoldedReadings == 0)
    #expect(try await rows(store) == Array(repeating: 1, count: 50) + [2])
    try await store.close()
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
