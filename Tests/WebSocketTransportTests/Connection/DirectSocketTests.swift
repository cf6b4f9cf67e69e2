import Glibc
import NIOCore
import NIOPosix
import Testing

@testable import WebSocketTransport

/// What goes to the socket past NIO, at the moments when that could go wrong.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct DirectSocketTests {
  @Test(
    "Nothing is written to a descriptor that was closed and is somebody else's by now",
    arguments: [true, false])
  func descriptorReuse(behindItsBack: Bool) async throws {
    let line = try await Line()
    let stray = try await line.onLoop { connection -> [UInt8] in
      var pair: [Int32] = [0, 0]
      connection.send(PreparedMessage(text: Array("not for you".utf8)))
      if behindItsBack {
        connection.channel?.close(promise: nil)
      } else {
        connection.abort(.keepaliveTimedOut)
      }
      // The lowest free descriptors, the connection's among them, are the next to be given out.
      socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair)
      defer { for descriptor in pair { close(descriptor) } }
      // What the end of the tick does, before anything else can happen.
      connection.flushTick()
      var bytes = [UInt8](repeating: 0, count: 64)
      return pair.flatMap { descriptor in
        let count = recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
        return Array(bytes.prefix(max(0, count)))
      }
    }
    #expect(stray.isEmpty)
    try await line.end()
  }

  @Test("A peer that resets while it is sent to ends the connection once, as any failure does")
  func reset() async throws {
    let line = try await Line()
    let client = line.client
    try await line.onLoop { connection in
      client.reset()
      // The kernel knows by now, the loop does not.
      for _ in 0..<3 { connection.send(text: "too late") }
    }
    switch try await line.delegate.ended.get().cause {
    case .dropped, .failed(.transport): break
    case let cause: Issue.record("\(cause)")
    }
    try await line.server.stop()
  }

  @Test("A peer that has closed its half gets what was sent before, then the end")
  func halfClosed() async throws {
    let line = try await Line()
    let client = line.client
    try await line.onLoop { connection in
      connection.send(text: "last")
      client.closeSending()
    }
    #expect(client.receiveAll() == [0x81, 4] + Array("last".utf8))
    #expect(try await line.delegate.ended.get().cause == .dropped)
    try await line.end()
  }

  @Test("What a slow reader gets in pieces is whole and in order, whoever wrote which piece")
  func slowReader() async throws {
    let line = try await Line(receiveBufferBytes: 4096)
    let client = line.client
    let total = 3_000
    try await line.onLoop { connection in
      for number in 0..<total {
        let payload = ByteBuffer(integer: UInt32(number), as: UInt32.self)
        // Alone, together with others, and as a long message that is cut into frames.
        if number % 3 == 0 {
          connection.send(PreparedMessage(binary: payload))
        } else {
          connection.send(binary: payload)
        }
        if number % 50 == 0 { connection.flushNow() }
        if number % 500 == 499 {
          connection.send(binary: [UInt8](repeating: 1, count: 40_000))
        }
      }
      connection.close()
    }
    var reader = FrameReader(client: client)
    var next: UInt32 = 0
    var long = 0
    while let (header, payload) = reader.next(), header.opcode != .close {
      if header.length == 4 {
        let number = payload.reduce(0) { $0 << 8 | UInt32($1) }
        #expect(number == next)
        next += 1
      } else {
        long += header.length
      }
    }
    #expect(next == UInt32(total))
    #expect(long == 6 * 40_000)
    try await line.end()
  }

  @Test("What waits for a reader that does not read never passes the bound, and ends there")
  func bound() async throws {
    var configuration = WebSocketConfiguration()
    configuration.maxBufferedBytes = 1 << 20
    configuration.compression = nil
    let line = try await Line(configuration, receiveBufferBytes: 4096)
    let most = line.loop.makePromise(of: Int.self)
    try await line.onLoop { connection in Self.flood(connection, most: 0, most) }
    #expect(try await most.futureResult.get() <= 1 << 20)
    #expect(
      try await line.delegate.ended.get().cause
        == .failed(.outboundOverflow(limitBytes: 1 << 20)))
    try await line.end()
  }

  /// Nearly the bound in every tick, until it is refused; remembers the most that waited.
  private static func flood(
    _ connection: WebSocketConnection, most: Int, _ promise: EventLoopPromise<Int>
  ) {
    var most = most
    let block = [UInt8](repeating: 7, count: 15_000)
    for _ in 0..<60 {
      guard connection.send(binary: block) else { return promise.succeed(most) }
      most = max(most, connection.bufferedBytes)
    }
    let bound = NIOLoopBound(connection, eventLoop: connection.eventLoop)
    let soFar = most
    connection.eventLoop.execute { flood(bound.value, most: soFar, promise) }
  }
}

/// A server's connection with a raw client at its other end.
private struct Line {
  let server: LoopbackServer
  let client: RawClient
  let delegate: HeldDelegate
  var loop: any EventLoop { delegate.loop }

  init(
    _ configuration: WebSocketConfiguration = .init(), receiveBufferBytes: Int32? = nil
  ) async throws {
    let opened = MultiThreadedEventLoopGroup.singleton.next().makePromise(of: HeldDelegate.self)
    server = try await LoopbackServer.start(
      configuration,
      decide: { _, channel in
        channel.eventLoop.makeSucceededFuture(
          .upgrade(.init { HeldDelegate(channel.eventLoop, opened) }))
      })
    client = try #require(
      RawClient(port: server.port, receiveBufferBytes: receiveBufferBytes))
    #expect(client.shakeHands())
    delegate = try await opened.futureResult.get()
  }

  func onLoop<Value: Sendable>(
    _ body: @escaping @Sendable (WebSocketConnection) throws -> Value
  ) async throws -> Value {
    let delegate = delegate
    return try await loop.submit {
      try body(try #require(delegate.connection))
    }.get()
  }

  func end() async throws {
    client.close()
    try await server.stop()
  }
}

/// Makes a connection known, and its end. Touched on its loop only.
private final class HeldDelegate: WebSocketDelegate, @unchecked Sendable {
  let loop: any EventLoop
  private(set) var connection: WebSocketConnection?
  private let opened: EventLoopPromise<HeldDelegate>
  private let end: EventLoopPromise<WebSocketEnd>
  var ended: EventLoopFuture<WebSocketEnd> { end.futureResult }

  init(_ loop: any EventLoop, _ opened: EventLoopPromise<HeldDelegate>) {
    self.loop = loop
    self.opened = opened
    end = loop.makePromise()
  }

  func webSocketOpened(_ connection: WebSocketConnection) {
    self.connection = connection
    opened.succeed(self)
  }

  func webSocket(_ connection: WebSocketConnection, receivedText text: ByteBuffer) {}
  func webSocket(_ connection: WebSocketConnection, receivedBinary binary: ByteBuffer) {}

  func webSocketClosed(_ connection: WebSocketConnection, _ end: WebSocketEnd) {
    self.connection = nil
    self.end.succeed(end)
  }
}

/// Frames of a server as a raw client reads them.
private struct FrameReader {
  let client: RawClient
  private var bytes: [UInt8] = []
  private var at = 0

  init(client: RawClient) {
    self.client = client
  }

  mutating func next() -> (FrameHeader, ArraySlice<UInt8>)? {
    while true {
      let reading = bytes.withUnsafeBytes { FrameHeader.read($0, at: at) }
      if case .header(let header, let size) = reading, bytes.count >= at + size + header.length {
        let start = at + size
        at = start + header.length
        return (header, bytes[start..<at])
      }
      let more = client.receive(3_000)
      guard !more.isEmpty else { return nil }
      bytes.removeFirst(at)
      at = 0
      bytes += more
    }
  }
}
