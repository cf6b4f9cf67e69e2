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
    let (echoed, end) = try await converse(messages, to: "ws://127.0.0.1:\(server.port)/echo")
    #expect(echoed == messages)
    #expect(
      end
        == WebSocketEnd(
          cause: .closedHere, code: 1000, reason: "", sentCode: 1000, clean: true))
    try await server.stop()
  }

  @Test("Messages far over a socket's buffers come back whole, in both directions at once")
  func largeMessages() async throws {
    var configuration = WebSocketConfiguration()
    configuration.maxMessageBytes = 8 << 20
    configuration.maxFrameBytes = 8 << 20
    configuration.compression = nil
    let server = try await LoopbackServer.start(configuration)
    let messages = (1...3).map { String(repeating: "0123456789abcdef", count: $0 * 80_000) }
    let (echoed, end) = try await converse(
      messages, to: "ws://127.0.0.1:\(server.port)/echo", configuration: configuration)
    #expect(echoed == messages)
    #expect(end.clean)
    try await server.stop()
  }

  @Test("A burst over the kernel's buffers arrives whole and in order")
  func burst() async throws {
    let server = try await LoopbackServer.start(decide: { _, channel in
      channel.eventLoop.makeSucceededFuture(.upgrade(.init { BurstDelegate() }))
    })
    let url = try #require(WebSocketURL("ws://127.0.0.1:\(server.port)/"))
    let loop = MultiThreadedEventLoopGroup.singleton.any()
    let done = loop.makePromise(of: [UInt32].self)
    loop.execute {
      WebSocketClient.connect(
        to: url, configuration: SharedConfiguration(BurstDelegate.configuration),
        delegate: CollectingDelegate(done), on: loop
      ).whenFailure { done.fail($0) }
    }
    #expect(try await done.futureResult.get() == Array(0..<BurstDelegate.count))
    try await server.stop()
  }

  @Test("Who reads nothing, and reads long after it was given up, sees why")
  func givenUpArrives() async throws {
    var configuration = WebSocketConfiguration()
    configuration.closeTimeout = .milliseconds(200)
    configuration.keepalive = .init(
      pingAfter: .milliseconds(100), timeout: .milliseconds(200),
      closing: ClosePayload(code: 4002, reason: "reader too slow"))
    let (ends, told) = AsyncStream<WebSocketEnd>.makeStream()
    let server = try await LoopbackServer.start(
      configuration,
      decide: { _, channel in
        channel.eventLoop.makeSucceededFuture(.upgrade(.init { GreetingDelegate(told) }))
      })
    let client = try #require(RawClient(port: server.port))
    #expect(client.shakeHands())
    var iterator = ends.makeAsyncIterator()
    let end = try #require(await iterator.next())
    #expect(end.cause == .failed(.keepaliveTimedOut) && end.sentCode == 4002)
    // The server's socket is gone by now. What was sent before is all there, the Close frame last.
    client.send([0x81, 0x80, 0, 0, 0, 0])
    let bytes = client.receiveAll()
    let close = ClosePayload(code: 4002, reason: "reader too slow").bytes
    #expect(bytes.starts(with: [0x81, 0x05] + Array("hello".utf8)))
    #expect(bytes.suffix(close.count + 2).elementsEqual([0x88, UInt8(close.count)] + close))
    client.close()
    try await server.stop()
  }

  @Test("An error of the protocol reaches the peer as a Close frame, never as a reset")
  func failureArrives() async throws {
    var configuration = WebSocketConfiguration()
    configuration.maxMessageBytes = 1000
    configuration.compression = nil
    let server = try await LoopbackServer.start(configuration)
    let (_, end) = try await converse(
      [String(repeating: "x", count: 500_000)], to: "ws://127.0.0.1:\(server.port)/",
      configuration: configuration)
    #expect(end.cause == .closedByPeer)
    #expect(end.code == 1009)
    #expect(end.reason == "message over 1000 bytes")
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

/// Sends far more than the kernel takes at once, numbered, as soon as it is open.
private final class BurstDelegate: WebSocketDelegate {
  static let count: UInt32 = 900
  static var configuration: WebSocketConfiguration {
    var configuration = WebSocketConfiguration()
    configuration.compression = nil
    return configuration
  }

  func webSocketOpened(_ connection: WebSocketConnection) {
    send(from: 0, connection)
  }

  /// A part at a time, so that some find the channel holding bytes and some do not.
  private func send(from start: UInt32, _ connection: WebSocketConnection) {
    for number in start..<min(start + 90, Self.count) {
      var message = ByteBuffer(integer: number)
      message.writeRepeatingByte(7, count: 4500)
      connection.send(binary: message)
    }
    guard start + 90 < Self.count else { return connection.close() }
    let bound = NIOLoopBound((self, connection), eventLoop: connection.eventLoop)
    connection.eventLoop.execute { bound.value.0.send(from: start + 90, bound.value.1) }
  }

  func webSocket(_ connection: WebSocketConnection, receivedText text: ByteBuffer) {}
  func webSocket(_ connection: WebSocketConnection, receivedBinary binary: ByteBuffer) {}
  func webSocketClosed(_ connection: WebSocketConnection, _ end: WebSocketEnd) {}
}

/// Notes each message's number.
private final class CollectingDelegate: WebSocketDelegate {
  private var numbers: [UInt32] = []
  private let done: EventLoopPromise<[UInt32]>

  init(_ done: EventLoopPromise<[UInt32]>) {
    self.done = done
  }

  func webSocket(_ connection: WebSocketConnection, receivedText text: ByteBuffer) {}

  func webSocket(_ connection: WebSocketConnection, receivedBinary binary: ByteBuffer) {
    guard binary.readableBytes == 4504, let number = binary.getInteger(at: 0, as: UInt32.self)
    else { return }
    numbers.append(number)
  }

  func webSocketClosed(_ connection: WebSocketConnection, _ end: WebSocketEnd) {
    done.succeed(numbers)
  }
}
