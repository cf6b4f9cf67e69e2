import TelemetryModel
import Testing

@Suite("Names")
struct NameTests {
  @Test("Names keep to RFC 8428's characters", arguments: ["a", "A-b:c.d/e_f0", "0", "cpu/0.load"])
  func accepted(name: String) throws {
    #expect(try DeviceID(name).string == name)
    #expect(try MetricName(name).description == name)
  }

  @Test("Other names are refused with the reason")
  func refused() {
    #expect(throws: NameError.empty) { try DeviceID("") }
    #expect(throws: NameError.badStart) { try DeviceID("-a") }
    #expect(throws: NameError.badStart) { try MetricName("é") }
    #expect(throws: NameError.badCharacter(offset: 1)) { try MetricName("a b") }
    #expect(throws: NameError.badCharacter(offset: 2)) { try MetricName("ab,c") }
    #expect(throws: NameError.tooLong(bytes: 65, limit: 64)) {
      try DeviceID(String(repeating: "a", count: 65))
    }
    #expect(throws: NameError.tooLong(bytes: 129, limit: 128)) {
      try MetricName(String(repeating: "a", count: 129))
    }
  }

  @Test("Every ASCII byte is judged as the RFC lists them")
  func everyCharacter() {
    let inside = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-:./_"
    for code in UInt8(0)..<128 {
      let character = String(UnicodeScalar(code))
      #expect(((try? DeviceID("a" + character)) != nil) == inside.contains(character))
      #expect(((try? DeviceID(character)) != nil) == inside.dropLast(5).contains(character))
    }
  }

  @Test("The sender's own name before a metric is taken off, another device's is seen")
  func resolution() throws {
    let pi = try DeviceID("pi-1")
    let own = ResolvedName.own(try MetricName("cpu/load"))
    #expect(try ResolvedName("cpu/load", sender: pi) == own)
    #expect(try ResolvedName("pi-1/cpu/load", sender: pi) == own)
    #expect(
      try ResolvedName("urn:dev:ow:10e2:temp", sender: try DeviceID("urn:dev:ow:10e2"))
        == .own(try MetricName("temp")))
    #expect(
      try ResolvedName("urn:dev:ow:10e2:temp", sender: try DeviceID("10e2"))
        == .own(try MetricName("temp")))
    #expect(
      try ResolvedName("urn:dev:ow:10e2:temp", sender: pi)
        == .other(device: try DeviceID("urn:dev:ow:10e2"), metric: try MetricName("temp")))
    #expect(
      try ResolvedName("pi-2/temp", sender: pi) { $0 == "pi-2" }
        == .other(device: try DeviceID("pi-2"), metric: try MetricName("temp")))
    #expect(
      try ResolvedName("pi-10/temp", sender: pi) == .own(try MetricName("pi-10/temp")))
    #expect(throws: NameError.empty) { try ResolvedName("pi-1/", sender: pi) }
  }
}
