import NIOCore
import NIOHTTP1
import NIOPosix
import Testing
import WebSocketTransport

/// Requests of a client over real sockets.
@Suite("HTTP requests of a client", .serialized)
struct HTTPClientConnectionTests {
  private static let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nRetry-After: 7\r\n\r\nhi"

  /// What came of one request, and of the connection behind it.
  private struct Outcome: Sendable {
    var reply: HTTPReply?
    var error: (any Error)?
    var isIdle = false
    var wasUsed = false
  }

  private func ask(
    _ port: Int, proxy: ProxyPolicy = .direct, _ method: HTTPMethod = .GET, body: String? = nil,
    closeAfter: TimeAmount? = nil
  ) async throws -> Outcome {
    let url = try #require(WebSocketURL("http://127.0.0.1:\(port)/"))
    let shared = SharedConfiguration(WebSocketConfiguration())
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let done = loop.makePromise(of: Outcome.self)
    loop.execute {
      HTTPClientConnection.connect(to: url, configuration: shared, proxy: proxy, on: loop)
        .assumeIsolated().whenComplete { result in
          guard case .success(let connection) = result else {
            if case .failure(let error) = result { done.succeed(Outcome(error: error)) }
            return
          }
          if let closeAfter {
            _ = loop.assumeIsolated().scheduleTask(in: closeAfter) { connection.close() }
          }
          let headers: HTTPHeaders = [
            "Host": "here", "Content-Length": "\(body?.utf8.count ?? 0)",
          ]
          connection.request(method, "/x", headers, body: body.map { ByteBuffer(string: $0) })
            .assumeIsolated().whenComplete { result in
              var outcome = Outcome()
              switch result {
              case .success(let reply): outcome.reply = reply
              case .failure(let error): outcome.error = error
              }
              outcome.isIdle = connection.isIdle
              outcome.wasUsed = connection.wasUsed
              done.succeed(outcome)
              connection.close()
            }
        }
    }
    return try await done.futureResult.get()
  }

  @Test("An answer comes whole, and the connection can be used again")
  func answered() async throws {
    let server = try await ScriptedServer(.answer(Self.answer))
    let outcome = try await ask(server.port)
    let reply = try #require(outcome.reply)
    #expect(reply.status == 200 && String(buffer: reply.body) == "hi")
    #expect(reply.headers.first(name: "retry-after") == "7")
    #expect(outcome.isIdle && outcome.wasUsed)
    try await server.stop()
  }

  @Test("A connection that the server closes behind its answer is not used again")
  func lastAnswer() async throws {
    let server = try await ScriptedServer(
      .answer("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"))
    let outcome = try await ask(server.port)
    #expect(outcome.reply?.status == 204 && !outcome.isIdle)
    try await server.stop()
  }

  @Test("Through a proxy's tunnel as any link")
  func tunnelled() async throws {
    let server = try await ScriptedServer(.answer(Self.answer))
    let proxy = try await ScriptedServer(.tunnel(toPort: server.port, authorization: nil))
    let endpoint = ProxyEndpoint(host: "127.0.0.1", port: proxy.port)
    let outcome = try await ask(9, proxy: .fixed(endpoint))
    #expect(outcome.reply?.status == 200)
    try await proxy.stop()
    try await server.stop()
    let closed = try await ScriptedServer(.tunnel(toPort: 1, authorization: "Basic x"))
    let refused = try await ask(
      9, proxy: .fixed(ProxyEndpoint(host: "127.0.0.1", port: closed.port)))
    #expect(refused.error as? HandshakeError == .proxyRefused(status: 407))
    try await closed.stop()
  }

  @Test("A server that hangs up, talks something else, or is waited for in vain")
  func failures() async throws {
    let hanging = try await ScriptedServer(.hangUp)
    #expect(try await ask(hanging.port).error as? HTTPClientError == .dropped)
    try await hanging.stop()
    let babbling = try await ScriptedServer(.answer("220 smtp ready\r\n\r\n"))
    guard case .failed? = try await ask(babbling.port).error as? HTTPClientError else {
      Issue.record("that is no HTTP")
      return
    }
    try await babbling.stop()
    let silent = try await ScriptedServer(.silent)
    let outcome = try await ask(silent.port, closeAfter: .milliseconds(50))
    #expect(outcome.error as? HTTPClientError == .dropped && !outcome.wasUsed)
    try await silent.stop()
  }
}
