import BrokerCore
import DeviceProtocol
import Foundation
import TelemetryModel
import TelemetryStore
import Testing

/// How many bytes readings take on disk once folded, measured in pages of the file.
@Suite("The store's density")
struct StoreDensityTests {
  /// Recorded weather: the values of one file, an hour apart.
  private func recording(_ file: String) throws -> [(Int, Double)] {
    let folder = URL(filePath: #filePath).deletingLastPathComponent()
    let text = try String(
      contentsOf: folder.appending(path: "Recordings/\(file)"), encoding: .utf8)
    let lines = text.split(separator: "\n")
    let isFirst = lines.first == "temp,date"
    let values = lines.dropFirst().compactMap { line in
      (isFirst ? line.split(separator: ",").first : line.split(separator: ",").last)
        .flatMap { Double($0) }
    }
    return values.enumerated().map { ($0.offset * 3_600_000, $0.element) }
  }

  @Test("Recorded weather takes less than four bytes a reading, and comes back bit for bit")
  func weather() async throws {
    let fixture = try StoreFixture()
    var configuration = SQLiteStore.Configuration()
    configuration.maintainsItself = false
    let store = try fixture.store(configuration)
    _ = try await store.open()
    // Each twice: half-empty pages at the ends of tables are to weigh as little as in a real store.
    let recordings = try ["seattle-temps.csv", "sf-temps.csv"].map(recording)
    let count = 4
    var batch = IngestBatch(commit: CommitNumber(1), received: fixture.start)
    for number in 1...Int64(count) {
      batch.newSeries.append(try fixture.series(number, "m\(number)"))
      for (offset, value) in recordings[Int(number) % 2] {
        batch.samples.append(
          Sample(
            series: SeriesID(number), time: fixture.start + .milliseconds(offset), value: value))
      }
    }
    try await store.commit(batch)
    try await store.fold()
    let readings = batch.samples.count
    #expect(readings > count * 8_700)
    // Of whole pages: rows' overhead and half-empty pages are in.
    let tables = try await store.tableBytes()
    let bytes = ["chunk", "chunkBySeries", "tail"].reduce(0) { $0 + (tables[$1] ?? 0) }
    let perReading = Double(bytes) / Double(readings)
    #expect(perReading < 4, "\(perReading) bytes a reading")
    for number in 1...2 as ClosedRange<Int64> {
      let rows = try await store.history(
        HistoryRequest(
          series: [SeriesID(number)], from: .distantPast, to: .distantFuture, resolution: .raw,
          functions: [], limitRows: 100_000)
      ).rows
      let isEqual = rows.map { $0.values[0] } == recordings[Int(number) % 2].map { $0.1 }
      #expect(isEqual)
    }
    try await store.close()
  }
}
