import NIOCore
import NIOHTTP1
import NIOPosix
import Testing
import WebSocketTransport

/// A server on a free port of 127.0.0.1, with the handlers a broker has.
struct LoopbackServer {
  let group: MultiThreadedEventLoopGroup
  let channel: any Channel
  var port: Int { channel.localAddress?.port ?? 0 }

  static func start(
    _ configuration: WebSocketConfiguration = .init(), tls: ServerTLS? = nil,
    decide: @escaping FirstRequestHandler.Decide = { _, channel in
      channel.eventLoop.makeSucceededFuture(.upgrade(.init { EchoDelegate() }))
    }
  ) async throws -> LoopbackServer {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let shared = SharedConfiguration(configuration)
    let channel = try await ServerBootstrap(group: group)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try tls?.addHandler(to: channel)
          try channel.pipeline.syncOperations.addHandler(
            FirstRequestHandler(
              configuration: shared, decide: decide, installHTTP: Self.installHello))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    return LoopbackServer(group: group, channel: channel)
  }

  func stop() async throws {
    try await channel.close()
    try await group.shutdownGracefully()
  }

  /// Stands for the ordinary HTTP pipeline: says what was asked for, with its body.
  @Sendable
  static func installHello(_ channel: any Channel) -> EventLoopFuture<Void> {
    channel.eventLoop.makeCompletedFuture {
      try channel.pipeline.syncOperations.configureHTTPServerPipeline()
      try channel.pipeline.syncOperations.addHandler(HelloHandler())
    }
  }
}

private final class HelloHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart
  private var uri = ""
  private var body = ByteBuffer()

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      uri = head.uri
      body.clear()
    case .body(var part): body.writeBuffer(&part)
    case .end:
      let text = "hello \(uri) \(String(buffer: body))"
      let head = HTTPResponseHead(
        version: .http1_1, status: .ok, headers: ["Content-Length": "\(text.utf8.count)"])
      context.write(wrapOutboundOut(.head(head)), promise: nil)
      context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: text)))), promise: nil)
      context.writeAndFlush(wrapOutboundOut(.end(nil))).assumeIsolated().whenComplete { _ in
        context.close(promise: nil)
      }
    }
  }
}

/// One conversation with an echoing server, and how it ended; throws what connecting failed with.
func converse(
  _ messages: [String] = ["hello"], to url: String,
  configuration: WebSocketConfiguration = .init(), tls: ClientTLS? = nil,
  proxy: ProxyPolicy = .direct
) async throws -> ([String], WebSocketEnd) {
  let url = try #require(WebSocketURL(url))
  let loop = MultiThreadedEventLoopGroup.singleton.any()
  let done = loop.makePromise(of: ([String], WebSocketEnd).self)
  loop.execute {
    let delegate = ConversationDelegate(messages, done: done)
    WebSocketClient.connect(
      to: url, configuration: SharedConfiguration(configuration), tls: tls, proxy: proxy,
      delegate: delegate, on: loop
    ).whenFailure { done.fail($0) }
  }
  return try await done.futureResult.get()
}

/// Sends the given messages one by one, each once the last one came back, then closes.
final class ConversationDelegate: WebSocketDelegate {
  private let messages: [String]
  private var echoed: [String] = []
  private let done: EventLoopPromise<([String], WebSocketEnd)>

  init(_ messages: [String], done: EventLoopPromise<([String], WebSocketEnd)>) {
    self.messages = messages
    self.done = done
  }

  func webSocketOpened(_ connection: WebSocketConnection) {
    next(connection)
  }

  private func next(_ connection: WebSocketConnection) {
    if echoed.count < messages.count {
      connection.send(text: messages[echoed.count])
    } else {
      connection.close(code: 1000, reason: "done")
    }
  }

  func webSocket(_ connection: WebSocketConnection, receivedText text: ByteBuffer) {
    echoed.append(String(buffer: text))
    next(connection)
  }

  func webSocket(_ connection: WebSocketConnection, receivedBinary binary: ByteBuffer) {}

  func webSocketClosed(_ connection: WebSocketConnection, _ end: WebSocketEnd) {
    done.succeed((echoed, end))
  }
}
