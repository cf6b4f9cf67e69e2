import NIOCore
import NIOHTTP1
import NIOPosix
import Testing
import WebSocketTransport

/// Both roles over real sockets.
@Suite(.serialized)
struct LoopbackTests {
  @Test("A conversation with compression and context takeover comes back word for word")
  func conversation() async throws {
    let server = try await LoopbackServer.start()
    let messages = (0..<100).map { index in
      #"[{"bn":"pi-lab-7/","n":"cpu-temp","u":"Cel","t":\#(index),"v":\#(40 + index % 7).25}]"#
    }
    let (echoed, end) = try await converse(messages, port: server.port)
    #expect(echoed == messages)
    #expect(
      end
        == WebSocketEnd(
          cause: .closedHere, code: 1000, reason: "", sentCode: 1000, clean: true))
    try await server.stop()
  }

  @Test("An ordinary request on the same port is served with all its bytes")
  func ordinaryRequest() async throws {
    let server = try await LoopbackServer.start(decide: { _, channel in
      channel.eventLoop.makeSucceededFuture(.http)
    })
    let answer = try await exchange(
      "POST /v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
      port: server.port)
    #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
    #expect(answer.hasSuffix("hello /v1/x hello"))
    try await server.stop()
  }

  private func converse(
    _ messages: [String], port: Int
  ) async throws -> ([String], WebSocketEnd) {
    let url = try #require(WebSocketURL("ws://127.0.0.1:\(port)/echo"))
    let loop = MultiThreadedEventLoopGroup.singleton.any()
    let done = loop.makePromise(of: ([String], WebSocketEnd).self)
    loop.execute {
      let delegate = ConversationDelegate(messages, done: done)
      WebSocketClient.connect(
        to: url, configuration: SharedConfiguration(.init()), delegate: delegate, on: loop
      ).whenFailure { done.fail($0) }
    }
    return try await done.futureResult.get()
  }

  /// Everything a server says to `request` until it closes.
  private func exchange(_ request: String, port: Int) async throws -> String {
    let group = MultiThreadedEventLoopGroup.singleton
    let channel = try await ClientBootstrap(group: group)
      .connect(host: "127.0.0.1", port: port) { channel in
        channel.eventLoop.makeCompletedFuture {
          try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
        }
      }
    return try await channel.executeThenClose { inbound, outbound in
      try await outbound.write(ByteBuffer(string: request))
      var answer = ByteBuffer()
      for try await part in inbound { answer.writeImmutableBuffer(part) }
      return String(buffer: answer)
    }
  }
}
