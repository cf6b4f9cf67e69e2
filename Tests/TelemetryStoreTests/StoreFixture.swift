import BrokerCore
import DeviceProtocol
import Foundation
import TelemetryModel
import TelemetryStore

/// A store in a folder of its own, which goes with it.
final class StoreFixture: Sendable {
  let folder: String
  let pi: DeviceID
  let start = Timestamp(seconds: 1_800_000_000)

  init() throws {
    folder = NSTemporaryDirectory() + "hawser-store-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    pi = try DeviceID("pi-7")
  }

  deinit {
    try? FileManager.default.removeItem(atPath: folder)
  }

  var path: String { "\(folder)/\(SQLiteStore.fileName)" }

  func store(_ configuration: SQLiteStore.Configuration = .init()) throws -> SQLiteStore {
    try SQLiteStore(path: path, configuration: configuration)
  }

  /// The store as its callers know it; every call opens what the one before has closed.
  func port() throws -> any SampleStore { try store() }

  func series(_ number: Int64, _ metric: String, unit: String? = "Cel") throws -> Series {
    Series(id: SeriesID(number), device: pi, metric: try MetricName(metric), unit: unit)
  }

  /// A batch of one series' readings, `(offset in ms, value)`.
  func batch(
    _ commit: Int64, new: [Series] = [], series: Int64 = 1, _ readings: [(Int, Double)],
    acked: UInt64? = nil
  ) -> IngestBatch {
    var batch = IngestBatch(commit: CommitNumber(commit), received: start)
    batch.newSeries = new
    batch.samples = readings.map {
      Sample(series: SeriesID(series), time: start + .milliseconds($0.0), value: $0.1)
    }
    if let acked {
      batch.acked = [AckedPacks(device: pi, epoch: "e1", ranges: SequenceRanges(upTo: acked))]
    }
    return batch
  }
}
