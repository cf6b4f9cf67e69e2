import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Testing
import WebSocketTransport

/// Every way to a connection, and every way not to get one, over real sockets.
@Suite(.serialized)
struct ConnectTests {
  private var trusted: ClientTLS {
    get throws {
      var configuration = TLSConfiguration.makeClientConfiguration()
      configuration.trustRoots = .certificates(
        try NIOSSLCertificate.fromPEMBytes(Array(TestCertificates.authority.utf8)))
      return try ClientTLS(configuration)
    }
  }

  @Test("wss to a name and to an address, with an authority of our own")
  func tls() async throws {
    let server = try await LoopbackServer.start(tls: TestCertificates.server())
    for host in ["localhost", "127.0.0.1"] {
      let (echoed, end) = try await converse(
        to: "wss://\(host):\(server.port)/", tls: trusted)
      #expect(echoed == ["hello"])
      #expect(end.clean)
    }
    try await server.stop()
  }

  @Test("A certificate nobody vouches for is told apart from a peer that speaks no TLS")
  func tlsFailures() async throws {
    let secure = try await LoopbackServer.start(tls: TestCertificates.server())
    await expect(
      .tls(.certificateNotTrusted), "wss://localhost:\(secure.port)/", tls: try ClientTLS())
    try await secure.stop()
    let plain = try await ScriptedServer(.answer("x"))
    defer { plain.channel.close(promise: nil) }
    var configuration = WebSocketConfiguration()
    configuration.handshakeTimeout = .milliseconds(400)
    await expect(
      .timedOut(.tls), "wss://localhost:\(plain.port)/", configuration, tls: try trusted)
  }

  @Test("Through a proxy's tunnel, with and without TLS and credentials")
  func proxies() async throws {
    let secure = try await LoopbackServer.start(tls: TestCertificates.server())
    let plain = try await LoopbackServer.start()
    let basic = "Basic \(Base64.encode(Array("user:pass word".utf8)))"
    for (scheme, server) in [("wss", secure), ("ws", plain)] {
      for authorization in [nil, basic] {
        let proxy = try await ScriptedServer(
          .tunnel(toPort: server.port, authorization: authorization))
        let policy = ProxyPolicy.environment([
          "all_proxy":
            "http://\(authorization == nil ? "" : "user:pass%20word@")127.0.0.1:\(proxy.port)"
        ])
        let (echoed, _) = try await converse(
          to: "\(scheme)://localhost:9/", tls: trusted, proxy: policy)
        #expect(echoed == ["hello"])
        try await proxy.stop()
      }
    }
    try await secure.stop()
    try await plain.stop()
  }

  @Test("A proxy that wants credentials, refuses, babbles or is not there")
  func proxyFailures() async throws {
    let cases: [(ScriptedServer.Script, HandshakeError)] = [
      (.tunnel(toPort: 1, authorization: "Basic other"), .proxyRefused(status: 407)),
      (.answer("HTTP/1.1 403 Forbidden\r\n\r\n"), .proxyRefused(status: 403)),
      (.answer("220 smtp\r\n\r\n"), .proxyAnswerMalformed),
      (.hangUp, .dropped(.proxy)),
      (
        .answer("HTTP/1.1 200 OK\r\nA: \(Self.overLimit)\r\n\r\n"),
        .headTooLarge(.proxy, limitBytes: 16_384)
      ),
    ]
    for (script, error) in cases {
      let proxy = try await ScriptedServer(script)
      let endpoint = ProxyEndpoint(
        host: "127.0.0.1", port: proxy.port, user: "user", password: "secret")
      await expect(error, "ws://broker.invalid/", proxy: .fixed(endpoint))
      try await proxy.stop()
    }
    let gone = ProxyEndpoint(host: "127.0.0.1", port: try await unusedPort())
    await expect(.connect(.refused, toProxy: true), "ws://broker.invalid/", proxy: .fixed(gone))
  }

  @Test("A server that refuses, is not one, hangs up or keeps silent")
  func serverFailures() async throws {
    let cases: [(ScriptedServer.Script, HandshakeError)] = [
      (
        .answer("HTTP/1.1 401 Unauthorized\r\nContent-Length: 13\r\n\r\nno such token"),
        .status(401, headers: ["Content-Length": "13"], bodyPrefix: "no such token")
      ),
      (.answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), .upgradeStripped(status: 200)),
      (
        .answer(
          "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
            + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), .upgradeStripped(status: 200)
      ),
      (
        .answer(
          "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
            + "Sec-WebSocket-Accept: x\r\n\r\n"), .badAccept
      ),
      (.answer("garbage\r\n\r\n"), .answerMalformed),
      (
        .answer("HTTP/1.1 101 X\r\nA: \(Self.overLimit)\r\n\r\n"),
        .headTooLarge(.upgrade, limitBytes: 16_384)
      ),
      (
        .answer("HTTP/1.1 101 X\r\nA: \(Self.overLimit)"),
        .headTooLarge(.upgrade, limitBytes: 16_384)
      ),
      (.hangUp, .dropped(.upgrade)),
      (.silent, .timedOut(.upgrade)),
    ]
    var configuration = WebSocketConfiguration()
    configuration.handshakeTimeout = .milliseconds(400)
    for (script, error) in cases {
      let server = try await ScriptedServer(script)
      await expect(error, "ws://127.0.0.1:\(server.port)/", configuration)
      try await server.stop()
    }
    await expect(
      .connect(.refused, toProxy: false), "ws://127.0.0.1:\(try await unusedPort())/")
  }

  @Test("A server whose queue is full and stays so is given up at the deadline")
  func noAnswerToConnecting() async throws {
    let group = MultiThreadedEventLoopGroup.singleton
    let server = try await ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 0)
      .serverChannelOption(.autoRead, value: false)
      .bind(host: "127.0.0.1", port: 0).get()
    let port = try #require(server.localAddress?.port)
    // Room for one that is never accepted; what comes behind it gets no answer at all.
    let first = try await ClientBootstrap(group: group).connect(host: "127.0.0.1", port: port).get()
    var configuration = WebSocketConfiguration()
    configuration.handshakeTimeout = .milliseconds(400)
    await expect(.timedOut(.connect), "ws://127.0.0.1:\(port)/", configuration)
    try await first.close()
    try await server.close()
  }

  private static let overLimit = String(repeating: "a", count: 16_384)

  private func unusedPort() async throws -> Int {
    let server = try await ScriptedServer(.silent)
    let port = server.port
    try await server.stop()
    return port
  }

  private func expect(
    _ error: HandshakeError, _ url: String, _ configuration: WebSocketConfiguration = .init(),
    tls: @autoclosure () throws -> ClientTLS? = nil, proxy: ProxyPolicy = .direct,
    sourceLocation: SourceLocation = #_sourceLocation
  ) async {
    do {
      let (_, end) = try await converse(
        to: url, configuration: configuration, tls: tls(), proxy: proxy)
      Issue.record("connected, \(end)", sourceLocation: sourceLocation)
    } catch let caught {
      #expect(caught as? HandshakeError == error, sourceLocation: sourceLocation)
      #expect(!"\(caught)".contains("secret"), sourceLocation: sourceLocation)
    }
  }
}
