import BenchmarkSupport
import BrokerCore
import DeviceProtocol
import Foundation
import Logging
import Metrics
import Synchronization
import TelemetryModel
import TelemetryStore

/// How long acks take under a steady load while the store folds: alone, beside readers who never stop,
/// and beside a backup.
struct Acks {
  let seconds: Int
  private static let devices = 100
  private static let packsPerSecond = 10

  /// One device's end: when its packs were sent, and how long their acks took.
  private final class Origin: PackOrigin {
    private struct State {
      var sent: [UInt64: ContinuousClock.Instant] = [:]
      var took: [Duration] = []
    }

    private let state = Mutex(State())

    func sends(_ seq: UInt64) {
      state.withLock { $0.sent[seq] = .now }
    }

    func packsCommitted(_ ranges: SequenceRanges) {
      let now = ContinuousClock.now
      state.withLock { state in
        for range in ranges.ranges {
          for seq in range.from...range.to {
            if let sent = state.sent.removeValue(forKey: seq) { state.took.append(now - sent) }
          }
        }
      }
    }

    func recordsRefused(_ refusal: PackRefusal) {}

    func takeTimes() -> [Duration] {
      state.withLock { state in
        defer { state.took = [] }
        return state.took
      }
    }
  }

  func run(folder: String) async throws {
    let path = "\(folder)/\(SQLiteStore.fileName)"
    try? FileManager.default.removeItem(atPath: folder)
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    var configuration = SQLiteStore.Configuration()
    // A fold every ten seconds.
    configuration.foldReadings = Acks.devices * Fleet.metrics.count * Acks.packsPerSecond * 10
    let store = try SQLiteStore(
      path: path, configuration: configuration,
      logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() })
    let contents = try await store.open()
    let pipeline = IngestPipeline(
      store: store, lastCommit: contents.lastCommit, catalog: SeriesCatalog(),
      registry: DeviceRegistry(), health: StoreHealth(), configuration: .init(),
      metrics: BrokerMetrics(factory: NOOPMetricsHandler.instance),
      logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() },
      now: SQLiteStore.wallClock, committed: { _ in })
    let running = Task { await pipeline.run() }
    let load = Load(pipeline, try (0..<Acks.devices).map { try DeviceID("pi-\($0)") })
    print(
      """
      acks: \(Acks.devices) devices, \(Acks.devices * Fleet.metrics.count * Acks.packsPerSecond) \
      readings a second, a fold every ten seconds; each for \(seconds) s
      """)
    try await load.run(seconds, "alone")
    let readers = (0..<3).map { reader in
      Task {
        var reads = 0
        while (try? await Acks.read(store, reader)) != nil { reads += 1 }
        return reads
      }
    }
    try await load.run(seconds, "beside three readers of everything")
    for reader in readers { reader.cancel() }
    var reads = 0
    for reader in readers { reads += await reader.value }
    print("    (\(reads) reads)")
    let copies = Task {
      var count = 0
      while (try? await SQLiteBackup.copy(path, to: "\(folder)/copy-\(count)")) != nil {
        try? FileManager.default.removeItem(atPath: "\(folder)/copy-\(count)")
        count += 1
      }
      return count
    }
    try await load.run(seconds, "beside backups, one after another")
    copies.cancel()
    print("    (\(await copies.value) backups)")
    pipeline.stop()
    await running.value
    try await store.close()
  }

  /// Raw readings, windows with percentiles, or days of every series.
  private static func read(_ store: SQLiteStore, _ reader: Int) async throws {
    let resolution: Resolution = [.raw, .s10, .d1][reader]
    _ = try await store.history(
      HistoryRequest(
        series: (1...Int64(devices * Fleet.metrics.count)).map { SeriesID($0) },
        from: .distantPast, to: .distantFuture, resolution: resolution,
        functions: reader == 0 ? [] : [.mean, .p95], limitRows: 200_000))
  }

  /// Devices that send as time goes by.
  private final class Load {
    private let pipeline: IngestPipeline
    private let origins = (0..<Acks.devices).map { _ in Origin() }
    private var readers: [PackReader]
    private let decoder = PackDecoder()
    private var fleet = Fleet(devices: Acks.devices, start: SQLiteStore.wallClock())
    private var seq: UInt64 = 0

    init(_ pipeline: IngestPipeline, _ devices: [DeviceID]) {
      self.pipeline = pipeline
      readers = devices.map { pipeline.makeReader(for: $0) }
    }

    func run(_ seconds: Int, _ name: String) async throws {
      let began = ContinuousClock.now
      let gap = Duration.seconds(1) / (Acks.packsPerSecond * Acks.devices)
      var sent = 0
      while sent < seconds * Acks.packsPerSecond * Acks.devices {
        let device = sent % Acks.devices
        if device == 0 { seq += 1 }
        fleet.measure(device: device)
        try send(device)
        sent += 1
        if sent % 10 == 0 { try await Task.sleep(until: began + gap * sent) }
      }
      // What is on its way still arrives.
      try await Task.sleep(for: .seconds(1))
      let times = origins.flatMap { $0.takeTimes() }.sorted()
      guard times.count == sent else {
        throw BenchmarkError("\(times.count) of \(sent) acked after a second")
      }
      func at(_ share: Double) -> String {
        String(format: "%.0f", times[Int(share * Double(times.count - 1))] / .milliseconds(1))
      }
      print(
        """
          \(name): \(at(0.5)) ms in the middle, 99 % \(at(0.99)), 99.9 % \(at(0.999)), \
        longest \(at(1))
        """)
    }

    private func send(_ device: Int) throws {
      let now = SQLiteStore.wallClock()
      let source = PackReader.Source(
        epoch: "e1", seq: seq, lane: .live, received: now, origin: origins[device])
      let bytes = fleet.pack(device: device, at: now)
      origins[device].sends(seq)
      guard pipeline.submit(readers[device].read(bytes.span, from: source, with: decoder)) else {
        throw BenchmarkError("refused")
      }
    }
  }
}
