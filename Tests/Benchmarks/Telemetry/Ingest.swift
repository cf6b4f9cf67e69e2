import BenchmarkSupport
import BrokerCore
import DeviceProtocol
import Foundation
import Logging
import Metrics
import Synchronization
import TelemetryModel
import TelemetryStore

/// 100 devices with ten metrics each, flat out: packs are decoded, gathered, made durable, and seen by
/// a live feed that keeps every series' windows of a second, percentiles included.
struct Ingest {
  let readings: Int

  static func fleet() -> Fleet {
    Fleet(devices: 100, start: Timestamp(seconds: 1_790_000_000))
  }

  /// Where acks go.
  private final class Origin: PackOrigin {
    let acked = Atomic<UInt64>(0)
    let refused = Atomic<Int>(0)

    func packsCommitted(_ ranges: SequenceRanges) {
      acked.add(ranges.count, ordering: .relaxed)
    }

    func recordsRefused(_ refusal: PackRefusal) {
      refused.add(refusal.count, ordering: .relaxed)
    }
  }

  /// What a live feed of every series at one second has to do, beside the acks.
  private final class Feed: Sendable {
    private let state = Mutex((windows: [TumblingWindows](), closed: 0))

    var closed: Int { state.withLock { $0.closed } }

    func take(_ batch: CommittedBatch) {
      guard !batch.samples.isEmpty else { return }
      state.withLock { state in
        var newest = Timestamp.distantPast
        for sample in batch.samples {
          // Numbers are 1, 2, 3…
          let place = Int(sample.series.number) - 1
          while state.windows.count <= place {
            state.windows.append(TumblingWindows(.s1, withSketch: true))
          }
          state.windows[place].add(sample.value, at: sample.time)
          if sample.time > newest { newest = sample.time }
        }
        for place in state.windows.indices {
          state.windows[place].close(endingBy: newest - .seconds(1))
          state.closed += state.windows[place].takeChanges().count
          state.windows[place].release(startingBefore: newest - .seconds(2))
        }
      }
    }
  }

  private struct Packs {
    var bytes: [UInt8] = []
    var ends: [Int] = []
    var seconds = 0
  }

  /// Stores in a folder, or nowhere; with a live feed, or with none.
  func run(folder: String?, withFeed: Bool) async throws {
    let packs = make()
    print(
      """
      ingest: \(packs.ends.count) packs, \(packs.ends.count * Fleet.metrics.count) readings, \
      \(packs.bytes.count / packs.ends.count) bytes a pack, \(folder == nil ? "stored nowhere" : "stored")
      """)
    let clock = Mutex(Ingest.fleet().start)
    let now: @Sendable () -> Timestamp = { clock.withLock { $0 } }
    let path = folder.map { "\($0)/\(SQLiteStore.fileName)" }
    if let folder {
      try? FileManager.default.removeItem(atPath: folder)
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }
    // By the readings' own clock, or retention would leave out windows that a broker makes.
    let sqlite = try path.map { try SQLiteStore(path: $0, now: now) }
    let store: any SampleStore = sqlite ?? NoStore()
    let contents = try await store.open()
    let feed = Feed()
    let pipeline = IngestPipeline(
      store: store, lastCommit: contents.lastCommit, catalog: SeriesCatalog(),
      registry: DeviceRegistry(), health: StoreHealth(), configuration: .init(),
      metrics: BrokerMetrics(factory: NOOPMetricsHandler.instance),
      logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }, now: now,
      committed: { if withFeed { feed.take($0) } })
    let running = Task { await pipeline.run() }
    let origins = (0..<Ingest.fleet().devices).map { _ in Origin() }
    let cpu = Measures.processSeconds()
    let wall = ContinuousClock.now
    try await send(packs, to: pipeline, origins, clock)
    pipeline.stop()
    await running.value
    let spent = Measures.processSeconds() - cpu
    let took = wall.duration(to: .now)
    let stored = packs.ends.count * Fleet.metrics.count
    guard origins.reduce(0, { $0 + $1.acked.load(ordering: .relaxed) }) == packs.ends.count,
      origins.allSatisfy({ $0.refused.load(ordering: .relaxed) == 0 })
    else { throw BenchmarkError("not everything was acked") }
    let seconds = Double(took.components.seconds) + Double(took.components.attoseconds) * 1e-18
    print(
      String(
        format: "  acked: %.2f M readings/CPU s (%.2f CPU s, %.2f s); %d windows in a live feed",
        Double(stored) / spent / 1e6, spent, seconds, feed.closed))
    guard let folder, let sqlite else { return }
    print("  on disk when acked: \(perReading(folder, stored)) bytes a reading")
    let folding = ContinuousClock.now
    try await sqlite.fold()
    let foldTook = folding.duration(to: .now)
    let all = Measures.processSeconds() - cpu
    let tables = try await sqlite.tableBytes()
    let raw = ["chunk", "chunkBySeries", "tail"].reduce(0) { $0 + (tables[$1] ?? 0) }
    let windows = tables["window"] ?? 0
    try await store.close()
    print(
      String(
        format: """
            decoded, stored, compressed and aggregated: %.2f M readings/CPU s (the fold %.2f s); \
          %.2f bytes a reading, its windows %.2f
          """, Double(stored) / all / 1e6, foldTook / .seconds(1),
        Double(raw) / Double(stored), Double(windows) / Double(stored)))
  }

  private func make() -> Packs {
    var fleet = Ingest.fleet()
    var packs = Packs()
    packs.seconds = max(1, readings / (fleet.devices * Fleet.metrics.count))
    for second in 0..<packs.seconds {
      for device in 0..<fleet.devices {
        fleet.measure(device: device)
        packs.bytes += fleet.pack(second: second, device: device)
        packs.ends.append(packs.bytes.count)
      }
    }
    return packs
  }

  /// Sends as fast as the pipeline takes them, from one thread as one event loop would.
  private func send(
    _ packs: Packs, to pipeline: IngestPipeline, _ origins: [Origin],
    _ clock: borrowing Mutex<Timestamp>
  ) async throws {
    let devices = try (0..<Ingest.fleet().devices).map { try DeviceID("pi-\($0)") }
    var readers = devices.map { pipeline.makeReader(for: $0) }
    let decoder = PackDecoder()
    var start = 0
    for second in 0..<packs.seconds {
      let received = Ingest.fleet().start + .seconds(second + 1)
      clock.withLock { $0 = received }
      while pipeline.waitingRecords > 100_000 { try await Task.sleep(for: .milliseconds(2)) }
      for device in devices.indices {
        let end = packs.ends[second * devices.count + device]
        let source = PackReader.Source(
          epoch: "e1", seq: UInt64(second + 1), lane: .live, received: received,
          origin: origins[device])
        let pack = readers[device].read(
          packs.bytes.span.extracting(start..<end), from: source, with: decoder)
        guard pipeline.submit(pack) else { throw BenchmarkError("refused") }
        start = end
      }
    }
  }

  private func perReading(_ folder: String, _ readings: Int) -> String {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    let bytes = files.reduce(0) { sum, file in
      let attributes = try? FileManager.default.attributesOfItem(atPath: "\(folder)/\(file)")
      return sum + ((attributes?[.size] as? Int) ?? 0)
    }
    return String(format: "%.2f", Double(bytes) / Double(readings))
  }
}

/// Takes everything and keeps nothing: what is left is the way there.
private struct NoStore: SampleStore {
  func open() -> StoreContents {
    StoreContents(lastCommit: CommitNumber(0), series: [], devices: [])
  }

  func commit(_ batch: IngestBatch) {}

  func ackedRanges(device: DeviceID, epoch: String) -> SequenceRanges { SequenceRanges() }

  func history(_ request: HistoryRequest) -> HistoryPage {
    HistoryPage(commit: CommitNumber(0), rows: [], next: nil)
  }

  func windows(
    of series: [SeriesID], resolution: Resolution, from: Timestamp, to: Timestamp, withSketch: Bool
  ) -> WindowStates {
    WindowStates(commit: CommitNumber(0), entries: [])
  }

  func gaps(devices: [DeviceID], from: Timestamp, to: Timestamp) -> [StoredGap] { [] }

  func sizeBytes() -> Int64 { 0 }

  func close() {}
}
