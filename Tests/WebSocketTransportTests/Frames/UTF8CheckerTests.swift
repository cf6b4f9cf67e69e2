import TestValues
import Testing
import WebSocketTransport

struct UTF8CheckerTests {
  @Test("Agrees with the standard library on random bytes, however they are split")
  func agreesWithStandardLibrary() {
    for seed in 0..<4000 as Range<UInt64> {
      var generator = Seeded(seed)
      let bytes = text(&generator)
      let expected = String(validating: bytes, as: UTF8.self) != nil
      #expect(check(bytes, pieces: 1, &generator) == expected, "seed \(seed)")
      #expect(check(bytes, pieces: 5, &generator) == expected, "seed \(seed)")
    }
  }

  @Test("Fails at the first byte that no text can have, not only at the end")
  func failsEarly() {
    var checker = UTF8Checker()
    let bytes: [UInt8] = Array("κόσμε".utf8) + [0xED, 0xA0]
    #expect(!bytes.withUnsafeBytes { checker.take($0) })
    var second = UTF8Checker()
    #expect(![0xF4, 0x90].withUnsafeBytes { second.take($0) })
  }

  @Test("A text that stops within a character is not complete")
  func incomplete() {
    var checker = UTF8Checker()
    let bytes: [UInt8] = [0x41, 0xE2, 0x82]
    #expect(bytes.withUnsafeBytes { checker.take($0) })
    #expect(!checker.isComplete)
  }

  private func text(_ generator: inout Seeded) -> [UInt8] {
    var bytes: [UInt8] = []
    let interesting: [[UInt8]] = [
      [0xC2, 0x80], [0xDF, 0xBF], [0xE0, 0xA0, 0x80], [0xED, 0x9F, 0xBF], [0xEF, 0xBF, 0xBF],
      [0xF0, 0x90, 0x80, 0x80], [0xF4, 0x8F, 0xBF, 0xBF], [0xE2, 0x82, 0xAC],
    ]
    for _ in 0..<Int.random(in: 0..<12, using: &generator) {
      switch Int.random(in: 0..<20, using: &generator) {
      case 0: bytes.append(UInt8.random(in: 0...255, using: &generator))
      case 1: bytes += [0xC0, 0x80]
      case 2..<10: bytes += interesting.randomElement(using: &generator) ?? []
      default:
        bytes += Array("telemetry".utf8.prefix(Int.random(in: 1...9, using: &generator)))
        if Bool.random(using: &generator) { bytes += [UInt8](repeating: 0x61, count: 40) }
      }
    }
    return bytes
  }

  private func check(
    _ bytes: [UInt8], pieces: Int, _ generator: inout Seeded
  ) -> Bool {
    var checker = UTF8Checker()
    var rest = bytes[...]
    for piece in 1...pieces {
      let count = piece == pieces ? rest.count : Int.random(in: 0...rest.count, using: &generator)
      guard Array(rest.prefix(count)).withUnsafeBytes({ checker.take($0) }) else { return false }
      rest = rest.dropFirst(count)
    }
    return checker.isComplete
  }
}
