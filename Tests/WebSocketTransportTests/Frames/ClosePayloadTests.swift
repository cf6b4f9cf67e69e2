import Testing
import WebSocketTransport

struct ClosePayloadTests {
  @Test("Only registered, library and application codes may be in a Close frame")
  func codes() {
    let allowed = Set(1000...1003).union(1007...1014).union(3000...4999)
    for code in 0...5001 {
      #expect(ClosePayload.mayBeSent(UInt16(code)) == allowed.contains(code), "\(code)")
    }
  }

  @Test("Payloads are read as RFC 6455 §5.5.1 has them")
  func reading() throws {
    #expect(try read([]) == ClosePayload(code: nil))
    #expect(try read([0x03, 0xE8, 0x68, 0x69]) == ClosePayload(code: 1000, reason: "hi"))
    #expect(throws: WebSocketError.violation(.closePayloadOfOneByte)) { try read([3]) }
    #expect(throws: WebSocketError.violation(.closeCodeNotAllowed)) { try read([0x03, 0xED]) }
    #expect(throws: WebSocketError.invalidUTF8) { try read([0x03, 0xE8, 0xFF]) }
    #expect(throws: WebSocketError.invalidUTF8) { try read([0x03, 0xE8, 0xE2, 0x82]) }
  }

  @Test("A long reason is cut at a character, within 123 bytes")
  func longReason() {
    let payload = ClosePayload(code: 4006, reason: String(repeating: "ä€", count: 40))
    #expect(payload.reason.utf8.count == 122)
    #expect(payload.bytes.count <= 125)
    #expect(ClosePayload(code: 4006, reason: "short").reason == "short")
  }

  @Test("Every error's text fits a Close frame")
  func errorTexts() {
    let errors: [WebSocketError] = [
      .violation(.compressionNotNegotiated), .invalidUTF8, .corruptDeflateData,
      .frameTooLarge(limitBytes: .max), .messageTooLarge(limitBytes: .max),
      .tooManyFragments(limit: .max),
    ]
    for error in errors {
      #expect(error.closeCode != nil)
      #expect(error.description.utf8.count <= 123)
    }
  }

  private func read(_ bytes: [UInt8]) throws -> ClosePayload {
    try bytes.withUnsafeBytes { try ClosePayload.read($0) }
  }
}
