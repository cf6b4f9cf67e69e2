/// What a Close frame says (RFC 6455 §5.5.1 and §7.4).
package struct ClosePayload: Equatable, Sendable {
  /// The code, or nil for a Close frame without one (reported as 1005).
  package var code: UInt16?
  /// The reason, UTF-8, at most 123 bytes.
  package var reason: String

  /// A payload to send; a reason over 123 bytes is cut at a character.
  package init(code: UInt16?, reason: String = "") {
    self.code = code
    self.reason = Self.cut(reason)
  }

  /// Reads an unmasked payload; what RFC 6455 forbids is thrown.
  package static func read(_ bytes: UnsafeRawBufferPointer) throws(WebSocketError) -> ClosePayload {
    guard !bytes.isEmpty else { return ClosePayload(code: nil) }
    guard bytes.count >= 2 else { throw .violation(.closePayloadOfOneByte) }
    let code = UInt16(bytes[0]) << 8 | UInt16(bytes[1])
    guard mayBeSent(code) else { throw .violation(.closeCodeNotAllowed) }
    let text = UnsafeRawBufferPointer(rebasing: bytes[2...])
    var checker = UTF8Checker()
    guard checker.take(text), checker.isComplete else { throw .invalidUTF8 }
    return ClosePayload(code: code, reason: String(decoding: text, as: UTF8.self))
  }

  /// Whether `code` may stand in a Close frame: registered with IANA, or for libraries and
  /// applications (3000–4999); never the codes that only stand for something local (RFC 6455 §7.4).
  package static func mayBeSent(_ code: UInt16) -> Bool {
    switch code {
    case 1000...1003, 1007...1014, 3000...4999: true
    default: false
    }
  }

  /// The payload's bytes: none without a code.
  package var bytes: [UInt8] {
    guard let code else { return [] }
    return [UInt8(code >> 8), UInt8(code & 0xFF)] + Array(reason.utf8)
  }

  private static func cut(_ reason: String) -> String {
    guard reason.utf8.count > 123 else { return reason }
    var end = reason.startIndex
    var size = 0
    while end < reason.endIndex {
      let scalar = reason.unicodeScalars[end]
      size += UTF8.width(scalar)
      if size > 123 { break }
      end = reason.unicodeScalars.index(after: end)
    }
    return String(reason.unicodeScalars[..<end])
  }
}
