import NIOCore
import NIOPosix
import WebSocketTransport

/// A server on one loop, by the production pipeline or by the textbook.
struct BenchmarkServer {
  let loop: any EventLoop
  let port: Int
  private let group: MultiThreadedEventLoopGroup
  private let listener: any Channel

  /// `received` is called on the loop with every message.
  static func production(
    tls: ServerTLS? = nil, received: @escaping @Sendable (WebSocketConnection, ByteBuffer) -> Void,
    opened: @escaping @Sendable (WebSocketConnection) -> Void = { _ in }
  ) throws -> BenchmarkServer {
    let shared = SharedConfiguration(WebSocketConfiguration())
    return try BenchmarkServer { channel in
      try tls?.addHandler(to: channel)
      try channel.pipeline.syncOperations.addHandler(
        FirstRequestHandler(
          configuration: shared,
          decide: { _, channel in
            channel.eventLoop.makeSucceededFuture(
              .upgrade(WebSocketAcceptance { Delegate(received: received, opened: opened) }))
          },
          installHTTP: { $0.close() }))
    }
  }

  /// One zlib stream a direction and connection; `echo` says whether messages go back.
  static func textbook(
    echo: Bool, received: @escaping @Sendable () -> Void = {},
    opened: @escaping @Sendable (TextbookConnection, ChannelHandlerContext) -> Void = { _, _ in }
  ) throws -> BenchmarkServer {
    try BenchmarkServer { channel in
      let handler = TextbookConnection(
        received: { connection, context, text in
          received()
          if echo { connection.send(text, context) }
        }, opened: opened)
      try channel.pipeline.syncOperations.addHandler(handler)
    }
  }

  private init(_ setUp: @escaping @Sendable (any Channel) throws -> Void) throws {
    group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    loop = group.next()
    listener = try ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 4096)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try setUp(channel) }
      }
      .bind(host: "127.0.0.1", port: 0).wait()
    port = listener.localAddress?.port ?? 0
  }

  private final class Delegate: WebSocketDelegate {
    private let received: @Sendable (WebSocketConnection, ByteBuffer) -> Void
    private let opened: @Sendable (WebSocketConnection) -> Void

    init(
      received: @escaping @Sendable (WebSocketConnection, ByteBuffer) -> Void,
      opened: @escaping @Sendable (WebSocketConnection) -> Void
    ) {
      self.received = received
      self.opened = opened
    }

    func webSocketOpened(_ connection: WebSocketConnection) { opened(connection) }
    func webSocket(_ connection: WebSocketConnection, receivedText text: ByteBuffer) {
      received(connection, text)
    }
    func webSocket(_ connection: WebSocketConnection, receivedBinary binary: ByteBuffer) {
      received(connection, binary)
    }
    func webSocketClosed(_ connection: WebSocketConnection, _ end: WebSocketEnd) {}
  }
}
