import BenchmarkSupport
import Foundation
import TelemetryModel

/// Packs of ten records: one again and again, as other decoders are measured too; those of a fleet, all
/// different; and those of a fleet in which nothing is where it was the last time.
///
/// The last cost twice as much a record: a name has to be looked up, since none can be expected, there
/// are two numbers instead of one, and their lengths are what branch predictors get wrong. Of some
/// 1,200 instructions (as callgrind counts them) the numbers take 280, the lookup 240, and comparing
/// the record's beginning 140.
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
    for isScattered in [false, true] {
      let packs = packs(isScattered)
      var decoder = SenMLPackDecoder()
      let rates = try (0..<7).map { _ in
        try measure(max(1, rounds / packs.ends.count), records: packs.ends.count * count) {
          var start = 0
          for end in packs.ends {
            try decoder.decode(packs.bytes.span.extracting(start..<end), now: now)
            sum += decoder.rows[3].number
            start = end
          }
        }
      }
      let name = isScattered ? "in any order, each record with its time" : "of 100 devices"
      print(
        "  SenMLPackDecoder, \(packs.ends.count) packs \(name): "
          + Measures.spread(rates, "M records/CPU s"))
    }
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
    guard sum > 0 else { throw BenchmarkError("nothing was decoded") }
  }

  private static let count = Fleet.metrics.count

  private static func packs(_ isScattered: Bool) -> (bytes: [UInt8], ends: [Int]) {
    var fleet = Ingest.fleet()
    var bytes: [UInt8] = []
    var ends: [Int] = []
    for second in 0..<200 {
      for device in 0..<fleet.devices {
        fleet.measure(device: device)
        bytes +=
          isScattered
          ? fleet.scatteredPack(device: device, at: fleet.time(second: second, device: device))
          : fleet.pack(second: second, device: device)
        ends.append(bytes.count)
      }
    }
    return (bytes, ends)
  }

  /// Millions of records a CPU second.
  private static func measure(
    _ rounds: Int, records: Int = count, _ body: () throws -> Void
  ) rethrows -> Double {
    for _ in 0..<max(1, rounds / 10) { try body() }
    let began = Measures.processSeconds()
    for _ in 0..<rounds { try body() }
    return Double(rounds * records) / (Measures.processSeconds() - began) / 1e6
  }
}
