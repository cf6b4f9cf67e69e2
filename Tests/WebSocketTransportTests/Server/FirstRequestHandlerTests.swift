import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing
import WebSocketTransport

struct FirstRequestHandlerTests {
  private static let handshake =
    "GET /v1/device HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
  /// A masked text frame "Hi", key zero.
  private static let frame: [UInt8] = [0x81, 0x82, 0, 0, 0, 0, 0x48, 0x69]

  @Test("A frame that came in the handshake's own packet is not lost")
  func frameBehindHandshake() throws {
    let test = try Port { _, channel in channel.eventLoop.makeSucceededFuture(.upgrade(echo)) }
    test.receive(Array(Self.handshake.utf8) + Self.frame)
    let sent = try test.sent()
    #expect(sent.starts(with: Array("HTTP/1.1 101 Switching Protocols\r\n".utf8)))
    #expect(sent.suffix(4) == [0x81, 0x02, 0x48, 0x69])
  }

  @Test(
    "What arrives while the decision takes its time is kept, in order", arguments: [true, false])
  func slowDecision(upgrades: Bool) throws {
    let decision = EmbeddedEventLoop().makePromise(of: UpgradeDecision.self)
    let test = try Port { _, channel in
      let promise = channel.eventLoop.makePromise(of: UpgradeDecision.self)
      decision.futureResult.cascade(to: promise)
      return promise.futureResult
    }
    let bytes = Array(Self.handshake.utf8) + Self.frame + Self.frame
    for byte in bytes { test.receive([byte]) }
    #expect(try test.sent().isEmpty)
    decision.succeed(upgrades ? .upgrade(echo) : .http)
    let sent = try test.sent()
    if upgrades {
      #expect(sent.suffix(8) == [0x81, 0x02, 0x48, 0x69, 0x81, 0x02, 0x48, 0x69])
    } else {
      #expect(test.http.bytes == bytes)
      #expect(sent.isEmpty)
    }
  }

  @Test("What happens to the channel while the decision takes its time is told to what it becomes")
  func eventsMeanwhile() throws {
    func port(_ event: any Sendable, then decision: UpgradeDecision) throws -> Port {
      let promise = EmbeddedEventLoop().makePromise(of: UpgradeDecision.self)
      let test = try Port { _, channel in
        let answer = channel.eventLoop.makePromise(of: UpgradeDecision.self)
        promise.futureResult.cascade(to: answer)
        return answer.futureResult
      }
      test.receive(Array(Self.handshake.utf8))
      test.channel.pipeline.fireUserInboundEventTriggered(event)
      promise.succeed(decision)
      return test
    }
    let ended = try port(ChannelEvent.inputClosed, then: .upgrade(echo))
    #expect(try ended.sent().starts(with: Array("HTTP/1.1 101 ".utf8)))
    #expect(!ended.channel.isActive)
    let quiescing = try port(ChannelShouldQuiesceEvent(), then: .upgrade(echo))
    let farewell = ClosePayload(code: 1001, reason: "going away").bytes
    #expect(try quiescing.sent().suffix(14) == [0x88, 0x0C] + farewell)
    let http = try port(ChannelEvent.inputClosed, then: .http)
    _ = try http.sent()
    #expect(http.http.sawInputClosed)
  }

  @Test("An ordinary request, and what is no HTTP at all, goes to the HTTP pipeline unread")
  func handedOver() throws {
    for text in ["POST /x HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi", "\u{16}\u{03}\u{01}garbage"] {
      let test = try Port { _, channel in channel.eventLoop.makeSucceededFuture(.http) }
      test.receive(Array(text.utf8))
      test.receive(Array("later".utf8))
      #expect(test.http.bytes == Array((text + "later").utf8))
    }
  }

  @Test("A refusal is a whole response, and the connection ends")
  func refused() throws {
    let refusal = HTTPRefusal(
      .unauthorized, code: "unauthenticated", "no", headers: ["WWW-Authenticate": "Bearer"])
    let test = try Port { _, channel in channel.eventLoop.makeSucceededFuture(.refuse(refusal)) }
    test.receive(Array(Self.handshake.utf8))
    let text = String(decoding: try test.sent(), as: UTF8.self)
    #expect(
      text == "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Length: 3\r\n"
        + "Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\nno\n")
    #expect(!test.channel.isActive)
  }

  @Test("A WebSocket endpoint asked without upgrade answers 426, a failed decision 500")
  func errors() throws {
    let plain = try Port { _, channel in channel.eventLoop.makeSucceededFuture(.upgrade(echo)) }
    plain.receive(Array("GET /v1/device HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
    let text = String(decoding: try plain.sent(), as: UTF8.self)
    #expect(text.hasPrefix("HTTP/1.1 426 Upgrade Required\r\n"))
    #expect(text.contains("\r\nSec-WebSocket-Version: 13\r\n"))
    #expect(text.contains("\r\nConnection: Upgrade, close\r\n"))

    let failing = try Port { _, channel in
      channel.eventLoop.makeFailedFuture(ChannelError.eof)
    }
    failing.receive(Array(Self.handshake.utf8))
    #expect(
      String(decoding: try failing.sent(), as: UTF8.self)
        .hasPrefix("HTTP/1.1 500 Internal Server Error\r\n"))
  }

  @Test("A head over the limit is refused with 431 before it ends")
  func longHead() throws {
    let test = try Port { _, channel in channel.eventLoop.makeSucceededFuture(.http) }
    test.receive(Array("GET / HTTP/1.1\r\nA: ".utf8) + [UInt8](repeating: 0x61, count: 17_000))
    #expect(
      String(decoding: try test.sent(), as: UTF8.self)
        .hasPrefix("HTTP/1.1 431 Request Header Fields Too Large\r\n"))
  }

  @Test("A connection that says nothing, half a head, or waits for ever is ended in time")
  func timeouts() throws {
    let silent = try Port { _, channel in channel.eventLoop.makeSucceededFuture(.http) }
    silent.channel.embeddedEventLoop.advanceTime(by: .seconds(11))
    #expect(!silent.channel.isActive)
    #expect(try silent.sent().isEmpty)

    let half = try Port { _, channel in channel.eventLoop.makeSucceededFuture(.http) }
    half.receive(Array("GET / HTTP/1.1\r\n".utf8))
    half.channel.embeddedEventLoop.advanceTime(by: .seconds(11))
    #expect(String(decoding: try half.sent(), as: UTF8.self).hasPrefix("HTTP/1.1 408 "))

    let waiting = try Port { _, channel in
      channel.eventLoop.makePromise(of: UpgradeDecision.self).futureResult
    }
    waiting.receive(Array(Self.handshake.utf8))
    waiting.channel.embeddedEventLoop.advanceTime(by: .seconds(11))
    #expect(String(decoding: try waiting.sent(), as: UTF8.self).hasPrefix("HTTP/1.1 503 "))
  }
}

private let echo = WebSocketAcceptance { EchoDelegate() }

/// One accepted connection of the port.
private final class Port {
  final class OrdinaryHTTP: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private(set) var bytes: [UInt8] = []
    private(set) var sawInputClosed = false

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
      if case ChannelEvent.inputClosed = event { sawInputClosed = !bytes.isEmpty }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      bytes += Array(unwrapInboundIn(data).readableBytesView)
    }
  }

  let channel = EmbeddedChannel()
  let http = OrdinaryHTTP()

  init(decide: @escaping FirstRequestHandler.Decide) throws {
    let http = NIOLoopBound(self.http, eventLoop: channel.eventLoop)
    try channel.pipeline.syncOperations.addHandler(
      FirstRequestHandler(configuration: SharedConfiguration(.init()), decide: decide) { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(http.value)
        }
      })
    try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
  }

  func receive(_ bytes: [UInt8]) {
    guard channel.isActive else { return }
    channel.pipeline.fireChannelRead(ByteBuffer(bytes: bytes))
    channel.pipeline.fireChannelReadComplete()
    channel.embeddedEventLoop.run()
  }

  func sent() throws -> [UInt8] {
    channel.embeddedEventLoop.run()
    var bytes: [UInt8] = []
    while let buffer = try channel.readOutbound(as: ByteBuffer.self) {
      bytes += Array(buffer.readableBytesView)
    }
    return bytes
  }
}
