import Testing
import WebSocketTransport

struct WebSocketURLTests {
  @Test("URIs are taken apart as RFC 6455 §3 says")
  func parts() throws {
    let plain = try #require(WebSocketURL("ws://broker:8080/v1/device?device=a"))
    #expect(!plain.isSecure)
    #expect((plain.host, plain.port) == ("broker", 8080))
    #expect(plain.target == "/v1/device?device=a")
    #expect(plain.hostField == "broker:8080")
    #expect(plain.description == "ws://broker:8080/v1/device")

    let secure = try #require(WebSocketURL("WSS://[::1]"))
    #expect((secure.host, secure.port, secure.target) == ("::1", 443, "/"))
    #expect(secure.hostField == "[::1]")
    #expect(secure.authority == "[::1]:443")
    #expect(WebSocketURL("ws://a?x")?.target == "/?x")
  }

  @Test(
    "Anything else is refused",
    arguments: [
      "", "broker:8080", "ftp://a", "ws://", "ws://:80/", "ws://a:0/", "ws://a:65536", "ws://a:x",
      "ws://u:p@a/", "ws://a/#f", "ws://a/ b", "ws://[::1", "ws://[a]/",
    ])
  func refused(text: String) {
    #expect(WebSocketURL(text) == nil)
  }
}
