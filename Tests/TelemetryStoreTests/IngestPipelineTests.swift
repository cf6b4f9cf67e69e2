import BrokerCore
import DeviceProtocol
import Logging
import Metrics
import Synchronization
import TelemetryModel
import TelemetryStore
import Testing

/// The pipeline over a real store: what is acked is stored, once.
@Suite("Ingest pipeline")
struct IngestPipelineTests {
  private final class Origin: PackOrigin {
    let acked = Mutex(SequenceRanges())
    let refusals = Mutex<[PackRefusal]>([])

    func packsCommitted(_ ranges: SequenceRanges) {
      acked.withLock { $0.merge(ranges) }
    }

    func recordsRefused(_ refusal: PackRefusal) {
      refusals.withLock { $0.append(refusal) }
    }
  }

  private let fixture: StoreFixture

  init() throws {
    fixture = try StoreFixture()
  }

  /// Runs packs through a pipeline on the fixture's store until all are handled.
  private func run(
    _ packs: [(seq: UInt64, records: [SenMLRecord])], gaps: [SequenceRange] = [], origin: Origin,
    configuration: IngestPipeline.Configuration = .init()
  ) async throws {
    let store = try fixture.store()
    let contents = try await store.open()
    let now = fixture.start
    let pipeline = IngestPipeline(
      store: store, lastCommit: contents.lastCommit, catalog: SeriesCatalog(contents.series),
      registry: DeviceRegistry(contents.devices), health: StoreHealth(),
      configuration: configuration, metrics: BrokerMetrics(factory: NOOPMetricsHandler.instance),
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, now: { now },
      committed: { _ in })
    var reader = pipeline.makeReader(for: fixture.pi)
    for pack in packs {
      #expect(pipeline.submit(incoming(pack.records, seq: pack.seq, &reader, origin)))
    }
    for range in gaps {
      let gap = StoredGap(
        device: fixture.pi, epoch: "e1", range: range, reason: "spool full", reported: now)
      #expect(pipeline.submit(IncomingGap(gap: gap, origin: origin)))
    }
    pipeline.stop()
    await pipeline.run()
    try await store.close()
  }

  /// A pack as a link hands it over.
  private func incoming(
    _ records: [SenMLRecord], seq: UInt64, _ reader: inout PackReader, _ origin: Origin
  ) -> IncomingPack {
    var bytes: [UInt8] = []
    SenMLEncoder.encode(records, into: &bytes)
    let source = PackReader.Source(
      epoch: "e1", seq: seq, lane: .live, received: fixture.start, origin: origin)
    return reader.read(bytes.span, from: source, with: PackDecoder())
  }

  private func record(_ name: String, _ value: Double, unit: String? = "Cel", at seconds: Int = 0)
    -> SenMLRecord
  {
    SenMLRecord(
      name: name, unit: unit, time: fixture.start - .seconds(100) + .seconds(seconds),
      value: .number(value), sum: nil, updateTimeSeconds: nil)
  }

  private func stored() async throws -> [Double?] {
    let store = try fixture.store()
    let contents = try await store.open()
    let page = try await store.history(
      HistoryRequest(
        series: contents.series.map(\.id).sorted(), from: .distantPast, to: .distantFuture,
        resolution: .raw, functions: [], limitRows: 1000))
    try await store.close()
    return page.rows.map { $0.values[0] }
  }

  @Test("A pack that comes again, in the same batch or after a restart, counts once and is acked")
  func countsOnce() async throws {
    let origin = Origin()
    try await run(
      [(1, [record("temp", 1)]), (2, [record("temp", 2, at: 1)]), (1, [record("temp", 1)])],
      origin: origin)
    #expect(try await stored() == [1, 2])
    let again = Origin()
    try await run(
      [(2, [record("temp", 2, at: 1)]), (3, [record("temp", 3, at: 2)])], origin: again)
    #expect(try await stored() == [1, 2, 3])
    #expect(origin.acked.withLock { $0 } == SequenceRanges(upTo: 2))
    #expect(again.acked.withLock { $0.contains(2) && $0.contains(3) })
  }

  @Test(
    "What cannot be stored is refused in words, the rest of the pack is kept, and both are acked")
  func refusals() async throws {
    let origin = Origin()
    try await run(
      [
        (1, [record("temp", 1), record("pi-7/hum", 50, unit: "%RH")]),
        (2, [record("temp", 300, unit: "K"), record("hum", 51, unit: "%RH", at: 1)]),
        (3, [record("temp", 9, at: 100_000), record("urn:dev:ow:10e2:temp", 1)]),
      ], origin: origin)
    #expect(try await stored() == [1, 50, 51])
    #expect(origin.acked.withLock { $0 } == SequenceRanges(upTo: 3))
    let refusals = origin.refusals.withLock { $0 }
    #expect(refusals.map(\.code) == [.unitChanged, .farFuture])
    #expect(refusals.map(\.record) == [0, 0])
    #expect(refusals.map(\.count) == [1, 2])
    let store = try fixture.store()
    _ = try await store.open()
    let gaps = try await store.gaps(
      devices: [fixture.pi], from: .distantPast, to: .distantFuture)
    #expect(gaps.map(\.range) == [SequenceRange(2), SequenceRange(3)])
  }

  @Test("Text and data are stored once, in the unit of their series, and given back as they came")
  func texts() async throws {
    let origin = Origin()
    func text(_ name: String, _ value: SenMLValue, unit: String? = nil) -> SenMLRecord {
      SenMLRecord(name: name, unit: unit, time: fixture.start - .seconds(5), value: value)
    }
    let pack = [
      text("door", .string("open")), text("door", .bool(true)), text("tag", .data([0, 255])),
      text("door", .string("shut"), unit: "Cel"), text("pump", .bool(true)),
    ]
    for _ in 1...2 { try await run([(1, pack)], origin: origin) }
    #expect(origin.refusals.withLock { $0 }.map(\.code) == [.unitChanged])
    let store = try fixture.store()
    let contents = try await store.open()
    let rows = try await store.history(
      HistoryRequest(
        series: contents.series.map(\.id).sorted(), from: .distantPast, to: .distantFuture,
        resolution: .raw, functions: [], limitRows: 1000, withTexts: true)
    ).rows
    #expect(rows.map { $0.values[0] } == [1, nil, nil, 1])
    #expect(rows.map(\.text) == [nil, .string("open"), .data([0, 255]), nil])
    #expect(contents.series.sorted { $0.id < $1.id }.map(\.kind) == [.text, .data, .boolean])
    try await store.close()
  }

  @Test("A gap is kept once, only for packs that are not stored, and acked")
  func gaps() async throws {
    let origin = Origin()
    try await run([(2, [record("temp", 2)])], origin: origin)
    let range = try #require(SequenceRange(from: 1, to: 4))
    for _ in 1...2 {
      try await run([(3, [record("temp", 3, at: 1)])], gaps: [range], origin: origin)
    }
    #expect(try await stored() == [2, 3])
    #expect(origin.acked.withLock { $0 } == SequenceRanges(upTo: 4))
    let store = try fixture.store()
    _ = try await store.open()
    let gaps = try await store.gaps(
      devices: [fixture.pi], from: .distantPast, to: .distantFuture)
    #expect(gaps.map(\.range) == [SequenceRange(1), SequenceRange(4)])
    // What was given up and comes after all does not count: it was said to be lost.
    try await store.close()
    try await run([(4, [record("temp", 4, at: 2)])], origin: origin)
    #expect(try await stored() == [2, 3])
  }

  @Test("A commit takes so many records and no more; what is left goes into the next ones")
  func commitSize() async throws {
    var configuration = IngestPipeline.Configuration()
    configuration.maxCommitRecords = 4
    let origin = Origin()
    let packs = (1...7 as ClosedRange<UInt64>).map { seq in
      (seq, (0..<2).map { record("temp", Double(seq), at: Int(seq) * 2 + $0) })
    }
    try await run(packs, origin: origin, configuration: configuration)
    #expect(origin.acked.withLock { $0 } == SequenceRanges(upTo: 7))
    let store = try fixture.store()
    #expect(try await store.open().lastCommit == CommitNumber(4))
    try await store.close()
    #expect(try await stored() == (1...7).flatMap { [Double($0), Double($0)] })
  }

  @Test("A full queue refuses packs instead of growing")
  func bounded() async throws {
    var configuration = IngestPipeline.Configuration()
    configuration.maxQueuedRecords = 2
    let store = try fixture.store()
    let contents = try await store.open()
    let now = fixture.start
    let pipeline = IngestPipeline(
      store: store, lastCommit: contents.lastCommit, catalog: SeriesCatalog(),
      registry: DeviceRegistry(), health: StoreHealth(), configuration: configuration,
      metrics: BrokerMetrics(factory: NOOPMetricsHandler.instance),
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, now: { now },
      committed: { _ in })
    let origin = Origin()
    var reader = pipeline.makeReader(for: fixture.pi)
    let taken = (1...4 as ClosedRange<UInt64>).map { seq in
      pipeline.submit(incoming([record("temp", Double(seq))], seq: seq, &reader, origin))
    }
    #expect(taken == [true, true, false, false])
    pipeline.stop()
    await pipeline.run()
    #expect(origin.acked.withLock { $0 } == SequenceRanges(upTo: 2))
  }
}
