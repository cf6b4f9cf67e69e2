import BenchmarkSupport
import BrokerCore
import DeviceProtocol
import Foundation
import Logging
import TelemetryModel
import TelemetryStore

/// A year of history: what it costs follows its points, not the readings that they were made of.
struct Year {
  private static let days = 365
  private static let start = Timestamp(seconds: 20_370 * 86_400)
  /// A reading every ten seconds, and one an hour.
  private static let dense = SeriesID(1)
  private static let sparse = SeriesID(2)

  func run(folder: String) async throws {
    let path = "\(folder)/\(SQLiteStore.fileName)"
    try? FileManager.default.removeItem(atPath: folder)
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    var configuration = SQLiteStore.Configuration()
    configuration.maintainsItself = false
    let store = try SQLiteStore(
      path: path, configuration: configuration,
      logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() },
      now: { Year.start + .seconds(Year.days * 86_400) })
    _ = try await store.open()
    try await fill(store)
    try await store.sweep()
    print("year: \(Year.days) days, after retention")
    for (resolution, points) in [(.h1, Year.days * 24), (.d1, Year.days)] as [(Resolution, Int)] {
      for (series, name) in [(Year.dense, 8_640), (Year.sparse, 24)] {
        var times: [Double] = []
        for _ in 0..<30 {
          let began = Measures.processSeconds()
          try await ask(store, series, resolution, points)
          times.append((Measures.processSeconds() - began) * 1e3)
        }
        print(
          "  \(points) windows of \(resolution.rawValue), \(name) readings a day: "
            + Measures.spread(times, "ms of CPU"))
      }
    }
    try await store.close()
  }

  private func ask(
    _ store: SQLiteStore, _ series: SeriesID, _ resolution: Resolution, _ points: Int
  ) async throws {
    let page = try await store.history(
      HistoryRequest(
        series: [series], from: Year.start, to: Year.start + .seconds(Year.days * 86_400),
        resolution: resolution, functions: [.mean, .min, .max, .p95], limitRows: 100_000))
    guard page.rows.count == points else {
      throw BenchmarkError("\(page.rows.count) windows, not \(points)")
    }
  }

  private func fill(_ store: SQLiteStore) async throws {
    var fleet = Fleet(devices: 1, start: Year.start)
    for day in 0..<Year.days {
      var batch = IngestBatch(commit: CommitNumber(Int64(day + 1)), received: Year.start)
      if day == 0 {
        batch.newSeries = try [Year.dense, Year.sparse].map {
          Series(
            id: $0, device: try DeviceID("pi-1"), metric: try MetricName("m\($0)"), unit: "Cel")
        }
      }
      for tick in 0..<8_640 {
        let time = Year.start + .seconds(day * 86_400 + tick * 10)
        fleet.measure(device: 0)
        let value = fleet.number(device: 0, metric: 0)
        batch.samples.append(Sample(series: Year.dense, time: time, value: value))
        if tick % 360 == 0 {
          batch.samples.append(Sample(series: Year.sparse, time: time, value: value))
        }
      }
      try await store.commit(batch)
      if day % 10 == 9 { try await store.fold() }
    }
    try await store.fold()
  }
}
