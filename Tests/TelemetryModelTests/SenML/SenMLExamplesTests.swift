import TelemetryModel
import TestValues
import Testing

/// The examples of RFC 8428 §5.1, resolved by hand.
@Suite("SenML: the RFC's examples")
struct SenMLExamplesTests {
  private let now = Timestamp(seconds: 1_700_000_000)

  private func decode(_ json: String) throws -> [SenMLRecord] {
    let input = bytes(json)
    return try SenMLDecoder.decode(input.span, now: now)
  }

  @Test("§5.1.1: a single datapoint without a time is of now")
  func single() throws {
    #expect(
      try decode(#"[{"n":"urn:dev:ow:10e2073a01080063","u":"Cel","v":23.1}]"#) == [
        SenMLRecord(
          name: "urn:dev:ow:10e2073a01080063", unit: "Cel", time: now, value: .number(23.1))
      ])
  }

  @Test("§5.1.2: several datapoints with a base name, a base time and relative ones")
  func multiple() throws {
    let records = try decode(
      """
      [
        {"bn":"urn:dev:ow:10e2073a0108006:","bt":1.276020076001e+09,
         "bu":"A","bver":5,
         "n":"voltage","u":"V","v":120.1},
        {"n":"current","t":-5,"v":1.2},
        {"n":"current","t":-4,"v":1.3},
        {"n":"current","t":-3,"v":1.4},
        {"n":"current","t":-2,"v":1.5},
        {"n":"current","t":-1,"v":1.6},
        {"n":"current","v":1.7}
      ]
      """)
    #expect(records.count == 7)
    #expect(
      records[0]
        == SenMLRecord(
          name: "urn:dev:ow:10e2073a0108006:voltage", unit: "V",
          time: Timestamp(microseconds: 1_276_020_076_001_000), value: .number(120.1)))
    for index in 1...6 {
      #expect(
        records[index]
          == SenMLRecord(
            name: "urn:dev:ow:10e2073a0108006:current", unit: "A",
            time: Timestamp(microseconds: 1_276_020_076_001_000 - Int64(6 - index) * 1_000_000),
            value: .number(Double(11 + index) / 10)))
    }
  }

  @Test("§5.1.3: a base name alone names the record, and a later one replaces it")
  func locations() throws {
    let records = try decode(
      """
      [{"bn":"urn:dev:ow:10e2073a01080063","bt":1.320067464e+09,"bu":"%RH","v":20},
       {"u":"lon","v":24.30621},
       {"u":"lat","v":60.07965},
       {"t":60,"v":20.3},
       {"u":"lon","t":60,"v":24.30622},
       {"t":120,"v":20.7},
       {"bn":"other","u":"%EL","t":150,"v":98}]
      """)
    #expect(records.map(\.name).dropLast().allSatisfy { $0 == "urn:dev:ow:10e2073a01080063" })
    #expect(records.map(\.unit) == ["%RH", "lon", "lat", "%RH", "lon", "%RH", "%EL"])
    #expect(records[3].time == Timestamp(seconds: 1_320_067_524))
    #expect(records[6].name == "other")
  }

  @Test("§5.1.5: strings, truth values and data")
  func kinds() throws {
    let records = try decode(
      """
      [{"bn":"urn:dev:ow:10e2073a01080063:","n":"temp","u":"Cel","v":23.1},
       {"n":"label","vs":"Machine Room"},
       {"n":"open","vb":false},
       {"n":"nfc-reader","vd":"aGkgCg"}]
      """)
    #expect(
      records.map(\.value) == [
        .number(23.1), .string("Machine Room"), .bool(false), .data(bytes("hi \n")),
      ])
  }

  @Test("§5.1.6: a sum without a value")
  func sums() throws {
    let records = try decode(
      #"[{"n":"urn:dev:ow:10e2073a01080063","bs":100,"s":2.5,"ut":10},{"n":"a","v":1,"s":3}]"#)
    #expect(records[0].value == nil)
    #expect(records[0].sum == 102.5)
    #expect(records[0].updateTimeSeconds == 10)
    #expect(records[1].sum == 103)
  }

  @Test("A base value is added to numbers alone, and each base field holds until replaced")
  func baseValues() throws {
    let records = try decode(
      """
      [{"bn":"a","bv":20,"n":"1","v":1},{"n":"2","vb":true},{"bv":-1,"n":"3","v":0.5},
       {"n":"4","s":7}]
      """)
    #expect(records.map(\.value) == [.number(21), .bool(true), .number(-0.5), nil])
    #expect(records.map(\.name) == ["a1", "a2", "a3", "a4"])
  }

  @Test("Times below 2^28 are relative to now, also negative ones and a relative base time")
  func relativeTimes() throws {
    let records = try decode(
      """
      [{"n":"a","t":-5,"v":1},{"n":"a","t":268435455,"v":1},{"n":"a","t":268435456,"v":1},
       {"bt":-10,"n":"a","t":4,"v":1},{"n":"a","v":1}]
      """)
    #expect(
      records.map(\.time) == [
        now - .seconds(5), now + .seconds(268_435_455), Timestamp(seconds: 268_435_456),
        now - .seconds(6), now - .seconds(10),
      ])
  }
}
