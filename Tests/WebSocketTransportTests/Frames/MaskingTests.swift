import TestValues
import Testing
import WebSocketTransport

struct MaskingTests {
  @Test("Masking agrees with RFC 6455 §5.3 byte by byte, at every length, offset and alignment")
  func agreesWithTheRule() {
    var generator = Seeded(1)
    let key: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]
    let keyWord = key.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) }
    for count in Array(0...70) + [255, 256, 1001] {
      let plain = generator.message(of: count + 3)
      for offset in 0..<4 {
        for shift in 0..<3 {
          let source = Array(plain[shift..<shift + count])
          let expected = source.enumerated().map { $1 ^ key[(offset + $0) % 4] }
          var result = [UInt8](repeating: 0, count: count + shift)
          plain.withUnsafeBytes { from in
            result.withUnsafeMutableBytes { to in
              guard let from = from.baseAddress, let to = to.baseAddress else { return }
              Masking.apply(
                keyWord, offset: offset, from: from + shift, to: to + shift, count: count)
            }
          }
          #expect(Array(result[shift...]) == expected, "count \(count), offset \(offset)")
        }
      }
    }
  }

  @Test("The example of RFC 6455 §5.7 comes out as Hello")
  func exampleOfTheStandard() {
    let key = [UInt8]([0x37, 0xFA, 0x21, 0x3D]).withUnsafeBytes {
      $0.loadUnaligned(as: UInt32.self)
    }
    var bytes: [UInt8] = [0x7F, 0x9F, 0x4D, 0x51, 0x58]
    bytes.withUnsafeMutableBytes { raw in
      guard let start = raw.baseAddress else { return }
      Masking.apply(key, from: start, to: start, count: 5)
    }
    #expect(String(decoding: bytes, as: UTF8.self) == "Hello")
  }
}
