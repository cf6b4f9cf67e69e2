import TestValues
import Testing
import WebSocketTransport

struct PlaintextWindowTests {
  @Test(
    "Holds the last bytes said, in hardly more memory than was seen, and never more than allowed")
  func lastBytes() {
    var generator = Seeded(11)
    for limit in [0, 1, 256, 1000, 32_768] {
      var window = PlaintextWindow(limitBytes: limit)
      var said: [UInt8] = []
      for _ in 0..<60 {
        let added = generator.message(of: Int.random(in: 0...400, using: &generator))
        said += added
        added.withUnsafeBytes { window.append($0) }
        #expect(Array(window.bytes) == Array(said.suffix(limit)))
        #expect(window.allocatedBytes <= min(limit, said.count * 5 / 4))
      }
      window.drop()
      #expect(window.allocatedBytes == 0)
      #expect(window.bytes.isEmpty)
    }
  }
}
