import Foundation
import TelemetryModel

/// One pack of ten records, decoded again and again.
enum Decoding {
  static let pack: [UInt8] = {
    var fleet = Ingest.fleet()
    fleet.measure(device: 7)
    return fleet.pack(second: 0, device: 7)
  }()

  /// As somebody without a decoder of his own would write it.
  private struct Record: Decodable {
    var bn: String?
    var bt: Double?
    var n: String?
    var u: String?
    var v: Double?
    var t: Double?
  }

  static func run(rounds: Int) throws {
    print("decode: a pack of \(Fleet.metrics.count) records, \(pack.count) bytes")
    let now = Timestamp(seconds: 1_800_000_000)
    var decoder = SenMLPackDecoder()
    var sum = 0.0
    let own = try (0..<7).map { _ in
      try measure(rounds) {
        try decoder.decode(pack.span, now: now)
        sum += decoder.rows[3].number
      }
    }
    print("  SenMLPackDecoder: \(Measures.spread(own, "M records/CPU s"))")
    let records = try (0..<5).map { _ in
      try measure(rounds / 10) {
        sum += Double(try SenMLDecoder.decode(pack.span, now: now).count)
      }
    }
    print("  SenMLDecoder, with names: \(Measures.spread(records, "M records/CPU s"))")
    let data = Data(pack)
    let foundation = JSONDecoder()
    let theirs = try (0..<5).map { _ in
      try measure(rounds / 40) { sum += try foundation.decode([Record].self, from: data)[3].v ?? 0 }
    }
    print("  Foundation's JSONDecoder: \(Measures.spread(theirs, "M records/CPU s"))")
    guard sum > 0 else { throw BenchmarkError(description: "nothing was decoded") }
  }

  /// Millions of records a CPU second.
  private static func measure(_ rounds: Int, _ body: () throws -> Void) rethrows -> Double {
    for _ in 0..<max(1, rounds / 10) { try body() }
    let began = Measures.processSeconds()
    for _ in 0..<rounds { try body() }
    return Double(rounds * Fleet.metrics.count) / (Measures.processSeconds() - began) / 1e6
  }
}
