import TelemetryModel
import TestValues
import Testing

@Suite("JSON reading")
struct JSONReaderTests {
  @Test(
    "JSON texts are read",
    arguments: [
      "null", "true", " false ", "0", "-0", "1.5e3", "\"\"", "[]", "{}", "[1,[2,{}]]",
      "{\"a\":{\"b\":[null,\"c\"]}}", "\"\\u00e9\\ud83d\\ude00\\n\\/\"", "\"é😀\"",
      "\t[ 1 , 2 ]\r\n",
      "[\"longer than eight bytes\",\"and \\\"escaped\\\" behind eight bytes\"]",
    ])
  func accepted(json: String) throws {
    let input = bytes(json)
    let value = try JSONValue(parsing: input.span)
    let output = value.json
    #expect(try JSONValue(parsing: output.span) == value)
    var reader = JSONReader()
    _ = try reader.skip(input.span)
    try reader.end(input.span)
  }

  @Test(
    "What is not JSON is refused, by parsing and by skipping alike",
    arguments: [
      "", " ", "nul", "nulL", "tru", "+1", "01", "-", "1.", ".5", "1e", "1e+", "0x1", "NaN",
      "Infinity", "1e999", "\"", "\"a", "\"\\\"", "\"\\x\"", "\"\\u12g4\"", "\"\\ud800\"",
      "\"\\udc00\"", "\"\u{1}\"", "\"a\nb\"", "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{",
      "{a:1}",
      "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}", "{\"a\":1 \"b\":2}", "[1]]", "1 2", "{}x", "'a'",
      "\u{feff}1", "/**/1", "[1]\u{0}", "{\"a\":1,\"a\"}",
    ])
  func refused(json: String) {
    let input = bytes(json)
    #expect(throws: JSONError.self) { try JSONValue(parsing: input.span) }
    #expect(throws: JSONError.self) {
      var reader = JSONReader()
      _ = try reader.skip(input.span)
      try reader.end(input.span)
    }
  }

  @Test("Invalid UTF-8 is refused in values, keys and skipped strings")
  func invalidUTF8() {
    for bad in [[0xC3], [0x80], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xC0, 0x80]] {
      let input = [0x22] + bad.map { UInt8($0) } + [0x22]
      let object = [0x7B] + input + bytes(":1}")
      #expect(throws: JSONError.self) { try JSONValue(parsing: input.span) }
      #expect(throws: JSONError.self) { try JSONValue(parsing: object.span) }
      #expect(throws: JSONError.self) {
        var reader = JSONReader()
        _ = try reader.skip(object.span)
      }
    }
  }

  @Test("Nesting is bounded without using the stack, and a key may occur once")
  func bounds() {
    let deep = bytes(String(repeating: "[", count: 65) + String(repeating: "]", count: 65))
    #expect(throws: JSONError(.tooDeep, at: 64)) { try JSONValue(parsing: deep.span) }
    #expect(throws: JSONError(.tooDeep, at: 64)) {
      var reader = JSONReader()
      _ = try reader.skip(deep.span)
    }
    let fine = bytes(String(repeating: "[", count: 64) + String(repeating: "]", count: 64))
    #expect(throws: Never.self) { try JSONValue(parsing: fine.span) }
    let twice = bytes(#"{"a":1,"\u0061":2}"#)
    #expect(throws: JSONError(.duplicateKey, at: 8)) { try JSONValue(parsing: twice.span) }
  }

  @Test("Numbers are read as the standard library reads them")
  func numbers() throws {
    var random = Seeded()
    var texts = [
      "0.1", "1e22", "1e23", "9007199254740993", "123456789012345678901234567890", "4.9e-324",
      "2.2250738585072011e-308", "1.7976931348623157e308", "0.000001", "1e-400", "12345678",
      "123456789", "1234567890123456789012", "0.30000000000000004", "100000000.00000001",
      "0", "-0", "7", "5.07", "0.0000001", "1234567", "123456.7", "0.123456", "1e5", "1.5E-3",
    ]
    for _ in 0..<2000 {
      texts.append("\(random.finite())")
      texts.append(
        "\(UInt64.random(in: 0...UInt64.max, using: &random)).\(UInt32.random(in: 0...9999, using: &random))"
      )
      texts.append(
        "\(Int32.random(in: -9999...9999, using: &random))e\(Int.random(in: -30...30, using: &random))"
      )
    }
    for _ in 0..<2000 {
      let whole = Int.random(in: -12_345...12_345, using: &random)
      texts.append("\(whole).\(Int.random(in: 0...12_345, using: &random))")
    }
    for text in texts {
      // What follows decides in how many pieces it is looked at.
      for end in ["", "}", #","a":1}"#, "\n  ]     "] {
        let input = bytes(text + end)
        var reader = JSONReader()
        #expect(try reader.number(input.span) == Double(text), "\(text), seed \(random.seed)")
        #expect(reader.position == text.utf8.count)
      }
    }
  }

  @Test(
    "What is no number is refused, whatever follows",
    arguments: ["01", "-", "1.", ".5", "1e", "1e+", "00.5", "1.e5", "-01.5", "+1", "1.x"])
  func noNumbers(text: String) {
    for end in ["", "}", #","a":12345678}"#] {
      let input = bytes(text + end)
      #expect(throws: JSONError.self) {
        var reader = JSONReader()
        _ = try reader.number(input.span)
      }
    }
  }

  @Test("Whole numbers are exact to 64 bits")
  func wholeNumbers() throws {
    for text in ["0", "18446744073709551615", "9007199254740993"] {
      let input = bytes(text)
      var reader = JSONReader()
      #expect(try reader.wholeNumber(input.span) == UInt64(text))
    }
    for text in ["18446744073709551616", "01", "1.0", "1e1", "-1", "x", ""] {
      let input = bytes(text)
      #expect(throws: JSONError.self) {
        var reader = JSONReader()
        _ = try reader.wholeNumber(input.span)
      }
    }
  }

  @Test("Whatever bytes come, reading ends with a value or an error")
  func mutations() {
    var random = Seeded()
    let seed = bytes(#"{"a":[1,-2.5e3,"x\u00e9\n",true,null],"bé":{"c":"d"},"e":[[],{}]}"#)
    for _ in 0..<20_000 {
      var input = seed
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        guard !input.isEmpty else { break }
        let at = Int.random(in: 0..<input.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: input[at] = UInt8.random(in: 0...255, using: &random)
        case 1: input.remove(at: at)
        case 2: input.insert(UInt8.random(in: 32...126, using: &random), at: at)
        default: input.removeLast(input.count - at)
        }
      }
      let parsed = try? JSONValue(parsing: input.span)
      var reader = JSONReader()
      let skipped = (try? reader.skip(input.span)) != nil && (try? reader.end(input.span)) != nil
      // Skipping accepts what parsing does, and duplicate keys besides.
      if parsed != nil { #expect(skipped, "seed \(random.seed): \(text(input))") }
      if let parsed {
        let again = parsed.json
        #expect(throws: Never.self, "seed \(random.seed)") { try JSONValue(parsing: again.span) }
      }
    }
  }
}
