import BenchmarkSupport
import BrokerCore
import DeviceProtocol
import Foundation
import Glibc
import Logging
import TelemetryModel
import TelemetryStore

/// A chart of thirty days at one minute, 43,200 windows, of one series among 100,000.
struct Chart {
  static let series: Int64 = 100_000
  private static let chosen = SeriesID(54_321)
  private static let minutes = 30 * 24 * 60
  private static let start = Timestamp(seconds: 20_717 * 86_400)

  func run(folder: String) async throws {
    let path = "\(folder)/\(SQLiteStore.fileName)"
    if !FileManager.default.fileExists(atPath: path) {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      try await fill(path)
    }
    let bytes = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
    print(
      "chart: \(Chart.minutes) windows of one of \(Chart.series) series, a file of \(bytes >> 20) MiB"
    )
    for functions in [[.mean], [.mean, .min, .max], [.mean, .p95]] as [[AggregateFunction]] {
      let name = functions.map(\.rawValue).joined(separator: ", ")
      var cold: [Cost] = []
      for _ in 0..<5 {
        Chart.dropFromCache(path)
        let store = try await open(path)
        cold.append(try await chart(store, functions))
        try await store.close()
      }
      print("  \(name), file not in memory: \(Cost.spread(cold))")
      let store = try await open(path)
      var warm: [Cost] = []
      for round in 0..<60 {
        let cost = try await chart(store, functions)
        if round >= 10 { warm.append(cost) }
      }
      try await store.close()
      print("  \(name), warm: \(Cost.spread(warm))")
    }
  }

  private func open(_ path: String) async throws -> SQLiteStore {
    var configuration = SQLiteStore.Configuration()
    configuration.maintainsItself = false
    let store = try SQLiteStore(
      path: path, configuration: configuration,
      logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() },
      now: { Chart.start + .seconds(Chart.minutes * 60) })
    _ = try await store.open()
    return store
  }

  /// What it takes from asking to having all rows, in milliseconds on the clock and of the CPU: on a
  /// machine that does other things the clock tells of those.
  private struct Cost {
    var clock: Double
    var cpu: Double

    static func spread(_ costs: [Cost]) -> String {
      """
      \(Measures.spread(costs.map(\.clock), "ms")); \
      of CPU \(Measures.spread(costs.map(\.cpu), "ms"))
      """
    }
  }

  private func chart(
    _ store: SQLiteStore, _ functions: [AggregateFunction]
  ) async throws -> Cost {
    let (began, cpu) = (ContinuousClock.now, Measures.processSeconds())
    let page = try await store.history(
      HistoryRequest(
        series: [Chart.chosen], from: Chart.start, to: Chart.start + .seconds(Chart.minutes * 60),
        resolution: .m1, functions: functions, limitRows: 100_000))
    let took = began.duration(to: .now)
    guard page.rows.count == Chart.minutes else {
      throw BenchmarkError("\(page.rows.count) windows")
    }
    return Cost(clock: took / .milliseconds(1), cpu: (Measures.processSeconds() - cpu) * 1e3)
  }

  /// The windows of the chosen series, and an hour of windows of every other, in InfluxDB's line
  /// protocol: what it keeps where a continuous query makes windows of a minute.
  static func writeLines() {
    func line(_ number: Int64, _ minute: Int, _ steps: Int) -> String {
      let seconds = (start + .seconds(minute * 60)).microseconds / 1_000_000
      let mean = Fleet.text(Int64(steps), decimals: 1)
      let most = Fleet.text(Int64(steps + 3), decimals: 1)
      return "chart,series=\(number) mean=\(mean),min=\(mean),max=\(most) \(seconds * 1000)\n"
    }
    for number in 1...series {
      let minutes = number == chosen.number ? Chart.minutes : 60
      var lines = ""
      for minute in 0..<minutes { lines += line(number, minute, 200 + minute * 7919 % 83) }
      FileHandle.standardOutput.write(Data(lines.utf8))
    }
  }

  /// Every series has an hour of readings; the chosen one has thirty days, six a minute.
  private func fill(_ path: String) async throws {
    let store = try await open(path)
    var commit: Int64 = 0
    for first in stride(from: 1, through: Chart.series, by: 2_000) {
      commit += 1
      var batch = IngestBatch(commit: CommitNumber(commit), received: Chart.start)
      for number in first..<first + 2_000 {
        batch.newSeries.append(
          Series(
            id: SeriesID(number), device: try DeviceID("pi-\(number / 10)"),
            metric: try MetricName("m\(number % 10)"), unit: "Cel"))
        for minute in 0..<60 {
          batch.samples.append(
            Sample(
              series: SeriesID(number), time: Chart.start + .seconds(minute * 60),
              value: Double(Int(number) * 31 + minute * 7919 % 83) / 10))
        }
      }
      try await store.commit(batch)
      try await store.fold()
    }
    var fleet = Fleet(devices: 1, start: Chart.start)
    for day in 0..<30 {
      commit += 1
      var batch = IngestBatch(commit: CommitNumber(commit), received: Chart.start)
      for reading in day * 8_640..<(day + 1) * 8_640 {
        fleet.measure(device: 0)
        batch.samples.append(
          Sample(
            series: Chart.chosen, time: Chart.start + .seconds(reading * 10 + 1),
            value: fleet.number(device: 0, metric: 0)))
      }
      try await store.commit(batch)
      try await store.fold()
    }
    try await store.close()
  }

  /// Asks the system to forget what it holds of a file; what is written to disk already goes.
  private static func dropFromCache(_ path: String) {
    let file = Glibc.open(path, O_RDONLY)
    guard file >= 0 else { return }
    fsync(file)
    posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED)
    close(file)
  }
}
