import DeviceProtocol
import Testing

@Suite("Close reasons")
struct CloseReasonTests {
  @Test("Codes and names are unique, texts fit a close frame")
  func table() {
    let all = CloseReason.allCases
    #expect(Set(all.map(\.code)).count == all.count)
    #expect(Set(all.map { "\($0.row.name)" }).count == all.count)
    for reason in all {
      #expect(!reason.text.isEmpty)
      #expect(reason.text.utf8.count <= 123)
      #expect((1000...1013).contains(reason.code) || (4000...4999).contains(reason.code))
      // 1004, 1005 and 1006 never go over the wire (RFC 6455 §7.4.1).
      #expect(![1004, 1005, 1006, 1015].contains(reason.code))
    }
  }

  @Test("From 4500 on nobody comes back quickly, below everybody does")
  func ranges() {
    for reason in CloseReason.allCases where reason.code >= 4000 {
      #expect((reason.row.reaction == .retrySlowly) == (reason.code >= 4500), "\(reason)")
    }
  }

  @Test("A detail is cut to 123 bytes, never inside a character")
  func details() {
    let text = CloseReason.protocolError.text(String(repeating: "é", count: 200))
    #expect(text.utf8.count <= 123)
    #expect(text.utf8.count >= 121)
    #expect(text.hasPrefix("malformed message: é"))
    #expect(!text.contains("\u{FFFD}"))
    #expect(CloseReason.protocolError.text("params.seq") == "malformed message: params.seq")
  }
}
