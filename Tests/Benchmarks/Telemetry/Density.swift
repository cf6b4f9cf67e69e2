import BenchmarkSupport
import BrokerCore
import DeviceProtocol
import Foundation
import Logging
import TelemetryModel
import TelemetryStore

/// Bytes on disk of recorded readings: a file with a line `SERIES,SECONDS,VALUE` each.
struct Density {
  func run(file: String, folder: String) async throws {
    let path = "\(folder)/\(SQLiteStore.fileName)"
    try? FileManager.default.removeItem(atPath: folder)
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    var batch = IngestBatch(commit: CommitNumber(1), received: Timestamp(seconds: 1_800_000_000))
    var known: [Substring: SeriesID] = [:]
    let text = try String(contentsOf: URL(filePath: file), encoding: .utf8)
    for line in text.split(separator: "\n") {
      let cells = line.split(separator: ",")
      guard cells.count == 3, let seconds = Double(cells[1]), let value = Double(cells[2]) else {
        throw BenchmarkError("not SERIES,SECONDS,VALUE: \(line)")
      }
      let series = known[cells[0]] ?? SeriesID(Int64(known.count + 1))
      if known.updateValue(series, forKey: cells[0]) == nil {
        batch.newSeries.append(
          Series(
            id: series, device: try DeviceID("recorded"),
            metric: try MetricName("m\(series)"), unit: nil))
      }
      batch.samples.append(
        Sample(series: series, time: Timestamp(seconds: seconds), value: value))
    }
    var configuration = SQLiteStore.Configuration()
    configuration.maintainsItself = false
    let store = try SQLiteStore(
      path: path, configuration: configuration,
      logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() })
    _ = try await store.open()
    try await store.commit(batch)
    try await store.fold()
    let shares = try await store.tableBytes()
    try await store.close()
    let readings = Double(batch.samples.count)
    print("density: \(batch.samples.count) readings of \(known.count) series")
    let raw = shares.reduce(0) { sum, share in
      ["chunk", "chunkBySeries", "tail"].contains(share.key) ? sum + share.value : sum
    }
    print(String(format: "  readings: %.2f bytes each, in whole pages", Double(raw) / readings))
    print(
      String(format: "  their windows: %.2f bytes each", Double(shares["window"] ?? 0) / readings))
  }
}
