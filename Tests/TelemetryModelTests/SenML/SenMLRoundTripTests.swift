import Foundation
import TelemetryModel
import TestValues
import Testing

@Suite("SenML: round trips and foreign packs")
struct SenMLRoundTripTests {
  private func records(_ random: inout Seeded, now: Timestamp) -> [SenMLRecord] {
    let prefix = ["", "pi-1/", "urn:dev:ow:10e2073a01080063:"].randomElement(using: &random) ?? ""
    let units: [String?] = ["Cel", "V", "J", "odd unit", nil]
    return (0..<Int.random(in: 0..<12, using: &random)).map { _ in
      let value: SenMLValue? =
        switch Int.random(in: 0..<7, using: &random) {
        case 0: .bool(.random(using: &random))
        case 1: .string(["", "on", "é\"\\\n\u{1}😀"].randomElement(using: &random) ?? "")
        case 2:
          .data(
            (0..<Int.random(in: 0..<9, using: &random)).map { _ in
              .random(in: 0...255, using: &random)
            })
        case 3: nil
        default: .number(random.finite())
        }
      let hasSum = value == nil || Bool.random(using: &random)
      return SenMLRecord(
        name: prefix
          + (["a", "temp", "temperature", "x/y_z"].randomElement(using: &random) ?? "a"),
        unit: units.randomElement(using: &random) ?? nil,
        time: now + .microseconds(Int64.random(in: -10_000_000_000...10_000_000, using: &random)),
        value: value, sum: hasSum ? random.finite() : nil,
        updateTimeSeconds: Bool.random(using: &random) ? 60 : nil)
    }
  }

  @Test("What is encoded decodes to the same records, absolutely and relatively")
  func roundTrip() throws {
    var random = Seeded()
    let now = Timestamp(microseconds: 1_732_274_210_123_456)
    let later = Timestamp(microseconds: 1_800_000_000_000_000)
    for _ in 0..<3000 {
      let records = records(&random, now: now)
      var absolute: [UInt8] = []
      SenMLEncoder.encode(records, into: &absolute)
      #expect(
        try SenMLDecoder.decode(absolute.span, now: later) == records,
        "seed \(random.seed): \(text(absolute))")
      var relative: [UInt8] = []
      SenMLEncoder.encode(records, relativeTo: now, into: &relative)
      #expect(
        try SenMLDecoder.decode(relative.span, now: now) == records,
        "seed \(random.seed): \(text(relative))")
    }
  }

  @Test("What packs share is written once")
  func compact() {
    let time = Timestamp(seconds: 1_732_274_210.5)
    let records = ["pi-1/cpu.load", "pi-1/cpu.temp"].map {
      SenMLRecord(name: $0, unit: "Cel", time: time, value: .number(20.5))
    }
    var output: [UInt8] = []
    SenMLEncoder.encode(records, into: &output)
    #expect(
      text(output)
        == #"[{"bn":"pi-1/cpu.","bt":1732274210.5,"bu":"Cel","n":"load","v":20.5},{"n":"temp","v":20.5}]"#
    )
  }

  @Test("Whatever bytes come, decoding ends with records or an error")
  func mutations() {
    var random = Seeded()
    let seed = bytes(
      #"[{"bn":"a/","bt":1.7e9,"bu":"V","bver":10,"n":"x","v":1.5,"s":2},{"n":"y","vs":"é\n","t":-1},{"n":"z","vd":"aGk","ut":3}]"#
    )
    var decoder = SenMLPackDecoder()
    for _ in 0..<20_000 {
      var input = seed
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        guard !input.isEmpty else { break }
        let at = Int.random(in: 0..<input.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: input[at] = UInt8.random(in: 0...255, using: &random)
        case 1: input.remove(at: at)
        case 2: input.insert(seed.randomElement(using: &random) ?? 0, at: at)
        default: input.removeLast(input.count - at)
        }
      }
      guard (try? decoder.decode(input.span, now: .distantPast)) != nil else { continue }
      for row in decoder.rows { _ = decoder.record(row, in: input.span) }
    }
  }

  private struct Vectors: Decodable {
    struct Case: Decodable {
      let pack: String
      let resolved: [Resolved]
    }
    struct Resolved: Decodable {
      let name: String
      let time: Double
      let unit: String?
      let value: Value?
      let sum: Double?
    }
    enum Value: Decodable {
      case bool(Bool)
      case number(Double)
      case string(String)

      init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let bool = try? container.decode(Bool.self) {
          self = .bool(bool)
        } else if let number = try? container.decode(Double.self) {
          self = .number(number)
        } else {
          self = .string(try container.decode(String.self))
        }
      }
    }
    let senml: [Case]
    let kpn: [Case]
  }

  @Test("Packs of two independent Python implementations are resolved as they resolve them")
  func foreignPacks() throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "Vectors/python.json")
    let vectors = try JSONDecoder().decode(Vectors.self, from: Data(contentsOf: file))
    #expect(vectors.senml.count == 60)
    #expect(vectors.kpn.count == 30)
    for one in vectors.senml + vectors.kpn {
      let input = bytes(one.pack)
      let records = try SenMLDecoder.decode(input.span, now: .distantPast)
      try #require(records.count == one.resolved.count, "\(one.pack)")
      for (record, expected) in zip(records, one.resolved) {
        #expect(record.name == expected.name)
        #expect(record.unit == expected.unit)
        #expect(abs(record.time.seconds - expected.time) < 2e-6, "\(one.pack)")
        #expect(record.sum == expected.sum)
        switch expected.value {
        case .bool(let bool)?: #expect(record.value == .bool(bool))
        case .number(let number)?: #expect(record.value == .number(number))
        case .string(let string)?: #expect(record.value == .string(string))
        case nil: #expect(record.value == nil)
        }
      }
    }
  }
}
