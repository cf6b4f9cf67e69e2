import TelemetryModel
import TestValues
import Testing

@Suite("JSON writing")
struct JSONWriterTests {
  private func written(_ number: Double) -> String {
    var writer = JSONWriter()
    writer.write(number)
    return text(writer.bytes)
  }

  @Test("Numbers are written with the fewest digits")
  func shortest() {
    #expect(written(20) == "20")
    #expect(written(-0.1) == "-0.1")
    #expect(written(21.25) == "21.25")
    #expect(written(0) == "0")
    #expect(written(-0.0) == "0")
    #expect(written(1e15) == "1e+15" || written(1e15) == "1000000000000000")
    #expect(written(1e300) == "1e+300")
    #expect(written(0.1 + 0.2) == "0.30000000000000004")
    #expect(written(123456.789) == "123456.789")
    #expect(written(.nan) == "null")
    #expect(written(-.infinity) == "null")
  }

  @Test("Every finite number reads back to itself, in no more digits than the standard library's")
  func roundTrip() throws {
    var random = Seeded()
    for _ in 0..<20_000 {
      let number = random.finite()
      let string = written(number)
      let input = bytes(string)
      var reader = JSONReader()
      #expect(try reader.number(input.span) == number, "seed \(random.seed)")
      if abs(number) >= 1e-4, abs(number) < 1e15 {
        let description = "\(number)"
        let standard = description.hasSuffix(".0") ? String(description.dropLast(2)) : description
        #expect(string == standard || number == 0, "seed \(random.seed)")
      }
    }
  }

  @Test("Strings are escaped where JSON wants it and nowhere else")
  func escapes() throws {
    var writer = JSONWriter()
    writer.write("a\"b\\c\n\r\t\u{1}\u{1f}é😀/")
    #expect(text(writer.bytes) == #""a\"b\\c\n\r\t\u0001\u001fé😀/""#)
    #expect(
      try JSONValue(parsing: writer.bytes.span) == .string("a\"b\\c\n\r\t\u{1}\u{1f}é😀/"))
  }

  @Test("Commas stand between members and elements")
  func commas() {
    var writer = JSONWriter()
    writer.object { writer in
      writer.key("a")
      writer.array { writer in
        for number in 1...3 {
          writer.element()
          writer.write(number)
        }
      }
      writer.key("b" as String)
      writer.object { _ in }
      writer.key("c")
      writer.write(true)
      writer.key("d")
      writer.write(Timestamp(microseconds: 1_500_000))
      writer.key("e")
      writer.write(Duration.milliseconds(250))
      writer.key("f")
      writer.write(UInt64.max)
    }
    #expect(
      text(writer.bytes)
        == #"{"a":[1,2,3],"b":{},"c":true,"d":1.5,"e":0.25,"f":18446744073709551615}"#)
  }
}
