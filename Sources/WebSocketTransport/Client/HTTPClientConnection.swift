package import NIOCore
package import NIOHTTP1

/// What a server answered to a request.
package struct HTTPReply: Sendable {
  /// The status.
  package var status: Int
  /// The fields of its head.
  package var headers: HTTPHeaders
  /// All of its body.
  package var body: ByteBuffer
}

/// Why a request has no answer.
package enum HTTPClientError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The connection ended: FIN, or this side closed it.
  case dropped
  /// The connection failed, or what came is no HTTP; in words.
  case failed(String)
  /// The answer's body is over the limit, in bytes.
  case tooLarge(limitBytes: Int)

  /// One sentence for logs and people.
  package var description: String {
    switch self {
    case .dropped: "the connection ended before the answer"
    case .failed(let text): "the connection failed: \(text)"
    case .tooLarge(let limit): "the answer is larger than \(limit) bytes"
    }
  }
}

/// A client's HTTP/1.1 connection that carries one request after the other (RFC 9112 §9.3), over the
/// same proxies and with the same trust as a WebSocket. Loop-bound.
///
/// There is no limit of time: whoever has waited long enough closes it.
package final class HTTPClientConnection: ChannelInboundHandler {
  /// NIO's parts of an answer.
  package typealias InboundIn = HTTPClientResponsePart
  /// NIO's parts of a request.
  package typealias OutboundOut = HTTPClientRequestPart

  /// The longest body of an answer, 4 MiB.
  package static let maxBodyBytes = 4 << 20

  private let channel: any Channel
  private var waiting: EventLoopPromise<HTTPReply>?
  private var reply: HTTPReply?
  private var failure: HTTPClientError?
  private var isOver = false
  /// Whether an answer has come over it: the other end may have tired of it since.
  package private(set) var wasUsed = false

  private init(_ channel: any Channel) {
    self.channel = channel
  }

  /// Connects as `WebSocketClient.connect` does, up to where the upgrade would be asked for; on the
  /// loop. Fails with a `HandshakeError` and nothing else.
  ///
  /// - Parameters:
  ///   - url: the server.
  ///   - configuration: the limit of time, and of a proxy's answer.
  ///   - tls: what is trusted; nil reads the system's trust roots.
  ///   - proxy: which proxy, if any, is asked for a tunnel.
  ///   - eventLoop: the loop that this is called on.
  /// - Returns: the connection.
  package static func connect(
    to url: WebSocketURL, configuration: SharedConfiguration, tls: ClientTLS? = nil,
    proxy: ProxyPolicy = .direct, on eventLoop: any EventLoop
  ) -> EventLoopFuture<HTTPClientConnection> {
    eventLoop.preconditionInEventLoop()
    let promise = eventLoop.makePromise(of: HTTPClientConnection.self)
    let arrived = eventLoop.makePromise(of: (any Channel).self)
    do throws(HandshakeError) {
      let plan = try ConnectPlan(url: url, shared: configuration, tls: tls, proxy: proxy)
      let attempt = ConnectAttempt.start(plan, .channel(arrived), on: eventLoop)
      arrived.futureResult.assumeIsolated().whenComplete { _ in attempt.cancel() }
    } catch {
      arrived.fail(error)
    }
    arrived.futureResult.assumeIsolated().whenComplete { result in
      do {
        let channel = try result.get()
        let connection = HTTPClientConnection(channel)
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHTTPClientHandlers(leftOverBytesStrategy: .dropBytes)
        try pipeline.addHandler(connection)
        promise.assumeIsolated().succeed(connection)
      } catch {
        promise.fail(error as? HandshakeError ?? HandshakeError.dropped(.upgrade))
      }
    }
    return promise.futureResult
  }

  /// Whether a request can be sent over it now.
  package var isIdle: Bool { !isOver && waiting == nil && channel.isActive }

  /// Sends a request; `isIdle` has to hold. Fails with an `HTTPClientError` and nothing else.
  ///
  /// - Parameters:
  ///   - method: the method.
  ///   - target: path and query.
  ///   - headers: its fields, `Host` and what the body needs among them.
  ///   - body: what it carries; nil for nothing.
  /// - Returns: the whole answer.
  package func request(
    _ method: HTTPMethod, _ target: String, _ headers: HTTPHeaders, body: ByteBuffer?
  ) -> EventLoopFuture<HTTPReply> {
    let promise = channel.eventLoop.makePromise(of: HTTPReply.self)
    guard isIdle else {
      promise.fail(HTTPClientError.dropped)
      return promise.futureResult
    }
    waiting = promise
    reply = nil
    let head = HTTPRequestHead(version: .http1_1, method: method, uri: target, headers: headers)
    channel.write(HTTPClientRequestPart.head(head), promise: nil)
    if let body { channel.write(HTTPClientRequestPart.body(.byteBuffer(body)), promise: nil) }
    channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
    return promise.futureResult
  }

  /// Ends it; a request that waits fails.
  package func close() {
    guard !isOver else { return }
    isOver = true
    channel.close(promise: nil)
    fail()
  }

  // MARK: ChannelInboundHandler

  /// A part of an answer.
  package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      reply = HTTPReply(
        status: Int(head.status.code), headers: head.headers, body: ByteBuffer())
      if !head.isKeepAlive { isOver = true }
    case .body(var part):
      reply?.body.writeBuffer(&part)
      if reply?.body.readableBytes ?? 0 > Self.maxBodyBytes {
        failure = .tooLarge(limitBytes: Self.maxBodyBytes)
        close()
      }
    case .end:
      wasUsed = true
      guard let reply, let waiting else {
        // An answer that nobody asked for: whatever speaks there, it is out of step.
        return close()
      }
      self.reply = nil
      self.waiting = nil
      if isOver { channel.close(promise: nil) }
      waiting.assumeIsolated().succeed(reply)
    }
  }

  /// The connection or its HTTP failed.
  package func errorCaught(context: ChannelHandlerContext, error: any Error) {
    failure = failure ?? .failed("\(error)")
    close()
  }

  /// The connection is over.
  package func channelInactive(context: ChannelHandlerContext) {
    isOver = true
    fail()
    context.fireChannelInactive()
  }

  private func fail() {
    guard let waiting else { return }
    self.waiting = nil
    waiting.fail(failure ?? .dropped)
  }
}
