import BenchmarkSupport
import Foundation

/// Measures what the telemetry path promises; one line each. Not run by the tests.
///
///     telemetry-bench decode [ROUNDS]
///     telemetry-bench ingest [READINGS] [FOLDER]
///     telemetry-bench assemble [READINGS]
///     telemetry-bench feed [READINGS]
///     telemetry-bench chart [FOLDER]
///     telemetry-bench year [FOLDER]
///     telemetry-bench acks [SECONDS] [FOLDER]
///     telemetry-bench density FILE [FOLDER]
///     telemetry-bench pack
///     telemetry-bench lines [READINGS]
///     telemetry-bench chart-lines
///
/// `decode` is SenML's decoder beside Foundation's, `ingest` everything from a pack's bytes to a
/// durable commit. `assemble` is the same into a store that keeps nothing, `feed` that and the windows
/// of a second, with percentiles, of all series. `chart` reads thirty days of minutes of one series among
/// 100,000 (it makes them first, if the folder is empty), `year` a year of hours and of days. `acks` tells how long
/// acks take beside folding, readers and backups. `density` tells how many bytes recorded
/// readings take. `pack`, `lines` and `chart-lines` print what the programs in
/// `Peers` are fed. Build it with `swift build -c release --product telemetry-bench`.
/// CPU times are the whole process's, kernel included.
@main
enum TelemetryBenchmark {
  static func main() async {
    do {
      try await run()
    } catch {
      FileHandle.standardError.write(Data("telemetry-bench: \(error)\n".utf8))
      exit(EXIT_FAILURE)
    }
  }

  private static func run() async throws {
    let arguments = CommandLine.arguments.dropFirst()
    let rest = Array(arguments.dropFirst())
    let count = rest.first.flatMap { Int($0) }
    switch arguments.first {
    case "decode": try Decoding.run(rounds: count ?? 200_000)
    case "assemble":
      try await Ingest(readings: count ?? 2_000_000).run(folder: nil, withFeed: false)
    case "feed":
      try await Ingest(readings: count ?? 2_000_000).run(folder: nil, withFeed: true)
    case "ingest":
      let folder = rest.count > 1 ? rest[1] : NSTemporaryDirectory() + "telemetry-bench"
      try await Ingest(readings: count ?? 2_000_000).run(folder: folder, withFeed: false)
    case "chart":
      try await Chart().run(
        folder: rest.first ?? NSTemporaryDirectory() + "telemetry-bench-chart")
    case "year":
      try await Year().run(folder: rest.first ?? NSTemporaryDirectory() + "telemetry-bench-year")
    case "acks":
      let folder = rest.count > 1 ? rest[1] : NSTemporaryDirectory() + "telemetry-bench-acks"
      try await Acks(seconds: count ?? 60).run(folder: folder)
    case "density":
      guard let file = rest.first else {
        throw BenchmarkError("density of which file?")
      }
      let folder = rest.count > 1 ? rest[1] : NSTemporaryDirectory() + "telemetry-bench-density"
      try await Density().run(file: file, folder: folder)
    case "pack": FileHandle.standardOutput.write(Data(Decoding.pack))
    case "chart-lines": Chart.writeLines()
    case "lines": writeLines(readings: count ?? 2_000_000)
    default:
      try Decoding.run(rounds: 200_000)
      try await Ingest(readings: 2_000_000).run(folder: nil, withFeed: false)
    }
  }

  private static func writeLines(readings: Int) {
    var fleet = Ingest.fleet()
    for second in 0..<readings / (fleet.devices * Fleet.metrics.count) {
      var lines: [UInt8] = []
      for device in 0..<fleet.devices {
        fleet.measure(device: device)
        lines += fleet.lines(second: second, device: device)
      }
      FileHandle.standardOutput.write(Data(lines))
    }
  }
}

/// What is measured, as the kernel counts it.
enum Measures {
  /// CPU time of the whole process, in seconds, the kernel's share included.
  static func processSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  /// The middle of several measurements, and the least and largest of them.
  static func spread(_ values: [Double], _ unit: String) -> String {
    let sorted = values.sorted()
    guard let first = sorted.first, let last = sorted.last else { return "none" }
    return String(
      format: "median %.2f, %.2f…%.2f %@, %d runs", sorted[sorted.count / 2], first, last, unit,
      sorted.count)
  }
}
