import TelemetryModel
import TestValues
import Testing

@Suite("SenML: decoding")
struct SenMLDecoderTests {
  private let now = Timestamp(seconds: 1_700_000_000)

  @Test(
    "A fault names the record and field",
    arguments: [
      (#"[{"n":"a","v":1},{"n":"b","v":"x"}]"#, 1, "v"),
      (#"[{"n":"a","v":1,"u":3}]"#, 0, "u"),
      (#"[{"n":"a","t":null,"v":1}]"#, 0, "t"),
      (#"[{"n":"a","vb":1}]"#, 0, "vb"),
      (#"[{"n":"a","vd":"a+b="}]"#, 0, "vd"),
      (#"[{"n":"a","vd":"a"}]"#, 0, "vd"),
      (#"[{"n":"a","vs":"\ud800"}]"#, 0, "vs"),
      (#"[{"n":"a b","v":1}]"#, 0, "n"),
      (#"[{"n":"_a","v":1}]"#, 0, "n"),
      (#"[{"v":1}]"#, 0, "n"),
      (#"[{"bn":"a b","n":"c","v":1}]"#, 0, "bn"),
      (#"[{"n":"a","v":1,"v":2}]"#, 0, "v"),
      (#"[{"n":"a","bt":1,"bt":2,"v":2}]"#, 0, "bt"),
      (#"[{"n":"a","v":1,"x_":2}]"#, 0, "x_"),
      (#"[{"bver":11,"n":"a","v":1}]"#, 0, "bver"),
      (#"[{"bver":0,"n":"a","v":1}]"#, 0, "bver"),
      (#"[{"n":"a","v":1},{"bver":5,"n":"a","v":1}]"#, 1, "bver"),
      (#"[{"n":"a","u":"dBm","v":1,"s":1}]"#, 0, "s"),
      (#"[{"n":"a","v":1e999}]"#, 0, "v"),
    ])
  func faults(json: String, record: Int, field: String) {
    let input = bytes(json)
    let error = #expect(throws: SenMLError.self) { try SenMLDecoder.decode(input.span, now: now) }
    #expect(error?.record == record)
    #expect(error?.field == field)
  }

  @Test(
    "Faults of the record or pack as a whole",
    arguments: [
      ("", nil), ("{}", nil), ("[", 0), (#"[{"n":"a"}]"#, 0), ("[{}]", 0),
      (#"[{"n":"a","v":1,"vb":true}]"#, 0), ("[1]", 0), (#"[{"n":"a","v":1},]"#, 1),
      (#"[{"n":"a","v":1}] x"#, 1), (#"[{"bv":1e308,"n":"a","v":1e308}]"#, 0),
    ] as [(String, Int?)])
  func wholeFaults(json: String, record: Int?) {
    let input = bytes(json)
    let error = #expect(throws: SenMLError.self) { try SenMLDecoder.decode(input.span, now: now) }
    #expect(error?.record == record)
  }

  @Test("Unknown fields are ignored, escaped labels and names are understood")
  func tolerance() throws {
    let input = bytes(
      #"[{"\u006e":"\u0061b","x":[{"y":1}],"bver":10,"note":"\u00e9","v" : 1 ,"u":"Ce\u006c"}]"#)
    #expect(
      try SenMLDecoder.decode(input.span, now: now) == [
        SenMLRecord(name: "ab", unit: "Cel", time: now, value: .number(1))
      ])
  }

  @Test("A record of base fields alone carries nothing, an empty pack neither")
  func baseOnly() throws {
    let input = bytes(#"[{"bn":"a/","bt":1700000000,"bver":26},{"n":"b","v":1}]"#)
    #expect(try SenMLDecoder.decode(input.span, now: now).map(\.name) == ["a/b"])
    let empty = bytes("[]")
    #expect(try SenMLDecoder.decode(empty.span, now: now).isEmpty)
  }

  @Test("A pack has at most as many records as allowed")
  func limit() {
    let input = bytes(#"[{"n":"a","v":1},{"n":"a","v":1}]"#)
    #expect(throws: SenMLError.self) {
      try SenMLDecoder.decode(input.span, now: now, maxRecords: 1)
    }
  }

  @Test("Secondary units become their base unit, value and sum with them")
  func secondaryUnits() throws {
    let input = bytes(
      """
      [{"n":"a","u":"kWh","v":2,"s":1},{"n":"a","u":"dBm","v":0},{"n":"a","u":"km/h","v":36},
       {"bu":"mV","bv":1000,"n":"a","v":500},{"n":"a","u":"","v":1},{"n":"a","u":"parsec","v":1},
       {"n":"a","u":"furlongs per fortnight","v":1}]
      """)
    let records = try SenMLDecoder.decode(input.span, now: now)
    #expect(
      records.map(\.unit) == ["J", "dBW", "m/s", "V", nil, "parsec", "furlongs per fortnight"])
    #expect(records[0].value == .number(7.2e6))
    #expect(records[0].sum == 3.6e6)
    #expect(records[1].value == .number(-30))
    #expect(records[2].value == .number(10))
    #expect(records[3].value == .number(1.5))
  }

  @Test(
    "A decimal in a secondary unit is the nearest number to its decimal in the base unit",
    arguments: [
      ("mV", "3284", 3.284), ("ms", "1001", 1.001), ("/100", "7", 0.07), ("ppm", "417", 0.000417),
      ("ppb", "3", 3e-9), ("ppt", "3", 3e-12), ("cm", "29", 0.29), ("mg/l", "8.7", 0.0087),
      ("ug/m3", "12", 1.2e-8), ("hPa", "1013.25", 101_325), ("Wh/km", "150", 540),
    ])
  func exactConversions(unit: String, value: String, expected: Double) throws {
    let input = bytes(#"[{"n":"a","u":"\#(unit)","v":\#(value),"s":\#(value)}]"#)
    let record = try #require(try SenMLDecoder.decode(input.span, now: now).first)
    #expect(record.value == .number(expected))
    #expect(record.sum == expected)
  }

  @Test("The registry's secondary units lead to primary ones, and names are unique")
  func registry() {
    let primary = Set(SenMLUnits.primary)
    #expect(primary.count == SenMLUnits.primary.count)
    for (unit, conversion) in SenMLUnits.secondary {
      #expect(primary.contains(conversion.base), "\(unit)")
      #expect(!primary.contains(unit))
      #expect(conversion.scale > 0 && conversion.divisor > 0)
      #expect(SenMLUnits.isRegistered(unit))
      #expect(SenMLUnits.conversion(of: unit) == conversion)
    }
  }

  @Test("One decoder serves pack after pack, also after a fault, and keeps its numbers")
  func reuse() throws {
    var decoder = SenMLPackDecoder()
    let first = bytes(#"[{"bn":"d/","n":"temperature-of-boiler","u":"Cel","v":1},{"n":"b","v":2}]"#)
    let split = bytes(#"[{"bn":"d/temp","n":"erature-of-boiler","u":"Cel","v":3}]"#)
    let bad = bytes(#"[{"n":"x","v":tru}]"#)
    try decoder.decode(first.span, now: now)
    let rows = decoder.rows
    #expect(throws: SenMLError.self) { try decoder.decode(bad.span, now: now) }
    try decoder.decode(split.span, now: now)
    #expect(decoder.rows[0].nameID == rows[0].nameID)
    #expect(decoder.rows[0].unitID == rows[0].unitID)
    #expect(decoder.name(rows[1].nameID) == "d/b")
    #expect(decoder.unit(rows[1].unitID) == nil)
    #expect(decoder.generation == 0)
  }

  @Test("When a decoder has seen too many names it forgets them between packs and says so")
  func forgetting() throws {
    var decoder = SenMLPackDecoder()
    var generations: Set<UInt64> = []
    for pack in 0..<9 {
      var json = "["
      for index in 0..<9000 {
        json += "\(index > 0 ? "," : ""){\"n\":\"m\(pack)-\(index)\",\"v\":1}"
      }
      let input = bytes(json + "]")
      try decoder.decode(input.span, now: now)
      generations.insert(decoder.generation)
      #expect(decoder.name(decoder.rows[8999].nameID) == "m\(pack)-8999")
    }
    #expect(generations == [0, 1])
  }
}
