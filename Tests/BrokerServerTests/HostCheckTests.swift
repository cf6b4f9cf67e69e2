import Testing

@testable import BrokerServer

@Suite("Host check")
struct HostCheckTests {
  @Test(
    "Loopback names are told from others",
    arguments: [
      ("127.0.0.1:8080", true), ("127.0.0.1", true), ("localhost", true), ("localhost:1", true),
      ("[::1]:8080", true), ("127.8.9.1", true), ("LOCALHOST:80", true),
      ("a.localhost", true), ("127.0.0.1.evil.example", false), ("evil.example:8080", false),
      ("10.0.0.1", false), ("127.0.0", false), ("127.0.0.256", false), ("[::2]:80", false),
      ("", false),
    ])
  func loopback(host: String, is expected: Bool) {
    #expect(HostCheck.isLoopback(host) == expected)
  }

  @Test("An open broker refuses other hosts and other sites' pages")
  func refusals() {
    let check = HostCheck(loopbackOnly: true)
    #expect(check.refusal(host: "127.0.0.1:8080", origin: nil) == nil)
    #expect(check.refusal(host: "127.0.0.1:8080", origin: "http://127.0.0.1:8080") == nil)
    #expect(check.refusal(host: "127.0.0.1:8080", origin: "http://evil.example") != nil)
    #expect(check.refusal(host: "127.0.0.1:8080", origin: "null") != nil)
    #expect(
      check.refusal(host: "rebound.example:8080", origin: "http://rebound.example:8080") != nil)
    #expect(check.refusal(host: "127.0.0.1:8080", origin: "http://127.0.0.1:9090") != nil)
  }

  @Test("Addresses to listen on are literals or localhost")
  func listenAddresses() {
    #expect(ListenAddress("127.0.0.1:8080")?.port == 8080)
    #expect(ListenAddress("[::1]:0")?.host == "::1")
    #expect(ListenAddress("[::1]:0")?.isLoopback == true)
    #expect(ListenAddress("localhost:1")?.isLoopback == true)
    #expect(ListenAddress("0.0.0.0:1")?.isLoopback == false)
    for text in [
      "", "8080", ":8080", "127.0.0.1", "127.0.0.1:99999", "::1:80", "[127.0.0.1]:80", "a b:1",
      "name.example:80",
    ] {
      #expect(ListenAddress(text) == nil, "\(text)")
    }
  }
}
