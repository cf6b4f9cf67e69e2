import TestValues
import Testing

@testable import TelemetryModel

/// A decoder expects what it has seen before; that must never change what it says.
@Suite("Expected records")
struct RecordTemplateTests {
  private static let now = Timestamp(seconds: 1_800_000_000)

  /// What a decoder says of a pack: its records, or what is wrong.
  private func answer(
    _ decoder: inout SenMLPackDecoder, _ pack: [UInt8]
  ) -> Result<[SenMLRecord], SenMLError> {
    let bytes = pack.span
    do throws(SenMLError) {
      try decoder.decode(bytes, now: Self.now)
    } catch {
      return .failure(error)
    }
    var records: [SenMLRecord] = []
    for row in decoder.rows { records.append(decoder.record(row, in: bytes)) }
    return .success(records)
  }

  /// Packs as devices send them: mostly alike, from several devices, some in other words.
  private func pack(_ random: inout Seeded) -> String {
    let device = ["pi-1/", "pi-2/", "pi-1", ""].randomElement(using: &random) ?? ""
    var records: [String] = []
    func isRare() -> Bool { Int.random(in: 0..<15, using: &random) == 0 }
    func one(of words: [String]) -> String { words.randomElement(using: &random) ?? "" }
    for index in 0..<Int.random(in: 1...8, using: &random) {
      let value =
        isRare()
        ? one(of: ["1e999", "01", "true", #""x""#, "-"])
        : one(of: ["\(Int.random(in: -99...99, using: &random))", "21.5", "1e3", "-0"])
      let name = isRare() ? "" : one(of: ["temp", "cpu.load", "air.humidity"])
      let unit =
        isRare() ? #""u":"","# : one(of: [#""u":"Cel","#, #""u":"kW","#, "", #""u":"%RH","#])
      let time =
        isRare()
        ? one(of: [#""t": 2,"#, #""t":1,"t":2,"#, #""t":1e999,"#, #""t":-3 ,"#, #""t":-3, "#])
        : one(of: [#""t":-0.25,"#, #""t":12,"#, #""t":1800000001,"#, "", "", ""])
      let end =
        isRare()
        ? one(of: [
          #","t":1"#, #","s":3"#, " ", #","v":2"#, #","vb":true"#, #","u":"Cel""#, #","ut":9"#,
        ]) : ""
      let base =
        index == 0 || isRare()
        ? one(of: [
          #""bn":"\#(device)","bt":1800000000,"#, #""bn":"\#(device)","bu":"V","bv":10,"#,
          #""bt":-5,"#,
        ]) : ""
      let fields = isRare() ? "\(time)\(unit)" : "\(unit)\(time)"
      records.append(#"{\#(base)"n":"\#(name)",\#(fields)"v":\#(value)\#(end)}"#)
    }
    return "[\(records.joined(separator: ","))]"
  }

  @Test("A decoder that has seen much says of any pack what a new one says", arguments: 1...4)
  func saysTheSame(seed: UInt64) {
    var random = Seeded(seed)
    var experienced = SenMLPackDecoder()
    var packs = 0
    for round in 0..<1_500 {
      var bytes = Array(pack(&random).utf8)
      if Int.random(in: 0..<3, using: &random) == 0 {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: bytes[place] = UInt8.random(in: 0x20...0x7E, using: &random)
        case 1: bytes.remove(at: place)
        default: bytes.removeSubrange(place...)
        }
      }
      var new = SenMLPackDecoder()
      let right = answer(&new, bytes)
      // Twice: what the first time was learnt is expected the second time.
      for _ in 0..<2 {
        let got = answer(&experienced, bytes)
        #expect(
          got == right, "seed \(seed), round \(round): \(String(decoding: bytes, as: UTF8.self))")
      }
      if case .success = right { packs += 1 }
    }
    #expect(packs > 500, "most packs must be sound, or nothing is learnt")
  }
}
