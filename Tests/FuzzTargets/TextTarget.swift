package import TestValues
import WebSocketTransport

/// UTF-8 checked while it arrives says the same as the standard library about the whole; a close
/// frame's payload is read or refused, and an address likewise.
package struct TextTarget: FuzzTarget {
  package static let name = "text"

  package init() throws {}

  package static func seeds() -> [[UInt8]] {
    [
      Array("\u{3}\u{e8}Hello-µ@ßöäüàá-UTF-8!!".utf8), Array("κόσμε 𝄞 🚀 \u{10FFFF}".utf8),
      Array("ws://[::1]:8080/path?query".utf8), Array("wss://user@example.org:443/#no".utf8),
      [0xED, 0x9F, 0xBF, 0xEE, 0x80, 0x80, 0xEF, 0xBF, 0xBD, 0xF4, 0x8F, 0xBF, 0xBF],
      Array("an entirely ordinary line of text, long enough for any fast path there is".utf8),
    ]
  }

  package mutating func take(_ input: [UInt8], using generator: inout Seeded) throws {
    let expected = String(validating: input, as: UTF8.self) != nil
    var checker = UTF8Checker()
    var valid = true
    for piece in Mutator.pieces(of: input, using: &generator) where valid {
      valid = piece.withUnsafeBytes { checker.take($0) }
    }
    guard (valid && checker.isComplete) == expected else {
      throw FuzzFinding("\(expected ? "valid" : "invalid") text is taken for the opposite")
    }
    input.withUnsafeBytes { _ = try? ClosePayload.read($0) }
    if let url = WebSocketURL(String(decoding: input, as: UTF8.self)) {
      guard 1...65535 ~= url.port, !url.host.isEmpty, url.target.hasPrefix("/") else {
        throw FuzzFinding("an address without its parts: \(url)")
      }
    }
    _ = ProxyEndpoint(String(decoding: input, as: UTF8.self))
  }
}
