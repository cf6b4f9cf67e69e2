import Testing
import WebSocketTransport

struct ProxyPolicyTests {
  private let plain = WebSocketURL("ws://broker.example:8080/")
  private let secure = WebSocketURL("wss://broker.example/")

  @Test("Each scheme has its variable; all_proxy stands in; HTTP_PROXY is not believed")
  func variables() throws {
    let plain = try #require(plain)
    let secure = try #require(secure)
    let policy = ProxyPolicy.environment([
      "https_proxy": "http://u%40x:p%3Aw@proxy:3128/", "HTTP_PROXY": "http://evil",
    ])
    #expect(
      try policy.proxy(for: secure)
        == ProxyEndpoint(host: "proxy", port: 3128, user: "u@x", password: "p:w"))
    #expect(try policy.proxy(for: plain) == nil)
    #expect(
      try ProxyPolicy.environment(["all_proxy": "proxy"]).proxy(for: plain)
        == ProxyEndpoint(host: "proxy", port: 80))
    #expect(try ProxyPolicy.environment(["http_proxy": ""]).proxy(for: plain) == nil)
    #expect(throws: HandshakeError.unusableProxy(variable: "https_proxy")) {
      try ProxyPolicy.environment(["https_proxy": "socks5://u:secret@p"]).proxy(for: secure)
    }
  }

  @Test(
    "no_proxy names hosts with what is below them, addresses, networks and ports",
    arguments: [
      ("broker.example", true), ("example", true), (".example", true), ("*.example", true),
      ("*", true), ("roker.example", false), ("broker.example:8080", true),
      ("broker.example:81", false), ("a, BROKER.example", true), ("", false), ("10.0.0.0/8", false),
    ])
  func exemptNames(list: String, exempt: Bool) {
    #expect(NoProxy(list).contains(host: "broker.example", port: 8080) == exempt)
  }

  @Test(
    "Addresses are exempt by themselves or by network",
    arguments: [
      ("10.0.0.0/8", "10.1.2.3", true), ("10.0.0.0/9", "10.128.0.1", false),
      ("192.168.1.0/24", "192.168.1.77", true), ("127.0.0.1", "127.0.0.1", true),
      ("0.1", "10.0.0.1", false), ("fd00::/8", "fd12::1", true), ("::1", "::1", true),
      ("::1", "0:0:0:0:0:0:0:1", true), ("fd00:0::0001", "fd00::1", true), ("::1", "::2", false),
      ("10.0.0.0/33", "10.0.0.0", false), ("fd00::/8", "10.0.0.1", false),
    ])
  func exemptAddresses(list: String, host: String, exempt: Bool) {
    #expect(NoProxy(list).contains(host: host, port: 443) == exempt)
  }

  @Test("No text shows a proxy's credentials")
  func secrets() throws {
    let proxy = try #require(ProxyEndpoint("http://user:secret@proxy:1"))
    #expect(!"\(proxy)".contains("secret"))
    #expect("\(proxy)" == "proxy:1")
  }
}
