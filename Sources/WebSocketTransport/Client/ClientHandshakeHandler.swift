import NIOCore
import NIOHTTP1
import NIOSSL
import NIOTLS

/// What a client's attempt to connect is to end with, and who waits for it.
enum ConnectGoal {
  /// A WebSocket.
  case webSocket(any WebSocketDelegate, EventLoopPromise<WebSocketConnection>)
  /// The channel behind TCP, the proxy's tunnel and TLS, on which nothing was said yet.
  case channel(EventLoopPromise<any Channel>)

  func fail(_ error: HandshakeError) {
    switch self {
    case .webSocket(_, let promise): promise.fail(error)
    case .channel(let promise): promise.fail(error)
    }
  }
}

/// Takes a client's fresh TCP connection through the proxy's tunnel, TLS and the WebSocket request,
/// then makes room for the connection proper. Loop-bound, one attempt.
final class ClientHandshakeHandler: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let plan: ConnectPlan
  private let handshake: ClientHandshake
  private let resources: LoopResources
  /// How far this attempt has come; a timeout names it.
  private(set) var step = HandshakeError.Step.connect
  private var bytes = ByteBuffer()
  /// The server's refusal, while its body is gathered.
  private var refusal: HTTPResponseHead?
  private var goal: ConnectGoal?

  init(plan: ConnectPlan, resources: LoopResources, goal: ConnectGoal) {
    self.plan = plan
    self.resources = resources
    self.goal = goal
    var generator = SystemRandomNumberGenerator()
    handshake = ClientHandshake(
      subprotocols: plan.subprotocols,
      compression: plan.shared.configuration.compression, using: &generator)
  }

  /// Ends the attempt, unless it has ended.
  func fail(_ error: HandshakeError, _ context: ChannelHandlerContext? = nil) {
    guard let goal else { return }
    self.goal = nil
    // Whatever cut its body short, the refusal is what happened.
    goal.fail(refusal.flatMap(handshakeError(of:)) ?? error)
    context?.close(promise: nil)
  }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
  }

  private var context: ChannelHandlerContext?

  /// Begins, on a channel that is connected.
  func begin() {
    guard let context else { return }
    if let proxy = plan.proxy {
      step = .proxy
      var fields: HTTPHeaders = ["Host": plan.url.authority]
      if let authorization = proxy.authorization {
        fields.add(name: "Proxy-Authorization", value: authorization)
      }
      write(context, "CONNECT \(plan.url.authority) HTTP/1.1", fields)
    } else {
      beginTLS(context)
    }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var arrived = unwrapInboundIn(data)
    bytes.writeBuffer(&arrived)
    resources.giveBackReceive(arrived)
    if let refusal { return gatherBody(context, refusal) }
    guard let head = nextHead(context) else { return }
    if step == .proxy { tunnelAnswered(context, head) } else { upgradeAnswered(context, head) }
  }

  /// Takes the next head that answers the request; nil where none has come yet, or none will.
  private func nextHead(_ context: ChannelHandlerContext) -> HTTPResponseHead? {
    let limit = plan.shared.configuration.maxHeaderBytes
    while true {
      switch HTTPHead.response(bytes.readableBytesView) {
      case .incomplete:
        if bytes.readableBytes > limit { fail(.headTooLarge(step, limitBytes: limit), context) }
        return nil
      case .malformed:
        fail(step == .proxy ? .proxyAnswerMalformed : .answerMalformed, context)
        return nil
      case .head(let head, let size):
        guard size <= limit else {
          fail(.headTooLarge(step, limitBytes: limit), context)
          return nil
        }
        bytes.moveReaderIndex(forwardBy: size)
        // Interim responses are allowed any time (RFC 9110 §15.2), but for the one asked for.
        if 100...199 ~= head.status.code && head.status.code != 101 { continue }
        return head
      }
    }
  }

  private func tunnelAnswered(_ context: ChannelHandlerContext, _ head: HTTPResponseHead) {
    let code = Int(head.status.code)
    guard 200...299 ~= code else { return fail(.proxyRefused(status: code), context) }
    // Nobody behind the tunnel speaks before this side does.
    guard bytes.readableBytes == 0 else { return fail(.proxyAnswerMalformed, context) }
    beginTLS(context)
  }

  private func beginTLS(_ context: ChannelHandlerContext) {
    guard let tls = plan.tls else { return beginUpgrade(context) }
    step = .tls
    do {
      let isAddress = (try? SocketAddress(ipAddress: plan.url.host, port: 0)) != nil
      let handler = try NIOSSLClientHandler(
        context: tls.context, serverHostname: isAddress ? nil : plan.url.host)
      try context.pipeline.syncOperations.addHandler(handler, position: .before(self))
    } catch {
      fail(.tls(.handshake), context)
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case TLSUserEvent.handshakeCompleted = event, step == .tls { beginUpgrade(context) }
    if case ChannelEvent.inputClosed = event { context.close(promise: nil) }
    context.fireUserInboundEventTriggered(event)
  }

  private func beginUpgrade(_ context: ChannelHandlerContext) {
    step = .upgrade
    if case .channel(let promise)? = goal { return handOver(context, promise) }
    write(
      context, "GET \(plan.url.target) HTTP/1.1",
      handshake.headers(for: plan.url, extra: plan.headers))
  }

  private func upgradeAnswered(_ context: ChannelHandlerContext, _ head: HTTPResponseHead) {
    guard head.status.code == 101 else {
      refusal = head
      return gatherBody(context, head)
    }
    do throws(HandshakeError) {
      let agreed = try handshake.check(head, bodyPrefix: "")
      open(context, agreed)
    } catch {
      fail(error, context)
    }
  }

  /// Waits for the beginning of a refusal's body: it often says what the status does not.
  private func gatherBody(_ context: ChannelHandlerContext, _ head: HTTPResponseHead) {
    let length = head.headers.first(name: "Content-Length").flatMap { Int($0) }
    let isChunked = head.headers.contains(name: "Transfer-Encoding")
    let wanted = isChunked ? 0 : min(length ?? .max, Self.bodyPrefixBytes)
    if bytes.readableBytes >= wanted { fail(.dropped(.upgrade), context) }
  }

  private func handshakeError(of head: HTTPResponseHead) -> HandshakeError? {
    let length = min(Self.bodyPrefixBytes, bytes.readableBytes)
    let prefix = bytes.getString(at: bytes.readerIndex, length: length) ?? ""
    do throws(HandshakeError) {
      _ = try handshake.check(head, bodyPrefix: prefix)
      return nil
    } catch {
      return error
    }
  }

  private static let bodyPrefixBytes = 1024

  /// Leaves the channel to whoever wants to say something over it.
  private func handOver(_ context: ChannelHandlerContext, _ promise: EventLoopPromise<any Channel>)
  {
    goal = nil
    do {
      try context.channel.readIntoOwnBuffer()
    } catch {
      promise.fail(HandshakeError.dropped(step))
      return context.close(promise: nil)
    }
    promise.assumeIsolated().succeed(context.channel)
    context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
  }

  private func open(_ context: ChannelHandlerContext, _ agreed: ClientHandshake.Agreement) {
    guard case .webSocket(let delegate, let promise)? = goal else { return }
    goal = nil
    let connection = WebSocketConnection(
      role: .client, shared: plan.shared, resources: resources,
      subprotocol: agreed.subprotocol, deflate: agreed.deflate, delegate: delegate)
    do {
      try context.pipeline.syncOperations.addHandler(connection, position: .after(self))
    } catch {
      promise.fail(HandshakeError.dropped(.upgrade))
      return context.close(promise: nil)
    }
    promise.assumeIsolated().succeed(connection)
    let arrived = bytes
    bytes = ByteBuffer()
    if arrived.readableBytes > 0 {
      context.fireChannelRead(wrapInboundOut(arrived))
      context.fireChannelReadComplete()
    }
    context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if step == .tls {
      fail(.tls(Self.failure(error)), context)
    } else {
      fail(.dropped(step), context)
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    fail(.dropped(step))
    context.fireChannelInactive()
  }

  private func write(_ context: ChannelHandlerContext, _ line: String, _ fields: HTTPHeaders) {
    context.writeAndFlush(wrapOutboundOut(HTTPHead.encode(line, fields)), promise: nil)
  }

  /// BoringSSL says what happened only in its error's text.
  private static func failure(_ error: any Error) -> HandshakeError.TLSFailure {
    if let error = error as? NIOSSLExtraError, error == .failedToValidateHostname {
      return .wrongName
    }
    let text = String(describing: error)
    if text.contains("CERTIFICATE_VERIFY_FAILED") { return .certificateNotTrusted }
    if text.contains("WRONG_VERSION_NUMBER") || text.contains("HTTP_REQUEST") { return .notTLS }
    return .handshake
  }
}
