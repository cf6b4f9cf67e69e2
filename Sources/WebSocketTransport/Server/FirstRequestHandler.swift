package import NIOCore
package import NIOHTTP1

/// Stands at the beginning of every connection of the one port and decides, by its first request, what
/// the connection becomes: a WebSocket, an ordinary HTTP connection with every byte unread, or an error.
///
/// 1. Gathers the request's head, within `maxHeaderBytes` and `handshakeTimeout`.
/// 2. Asks `decide`, which may take its time; what arrives meanwhile is kept, and read no further.
/// 3. Upgrades, refuses, or has `installHTTP` set the pipeline up and passes all bytes on.
///
/// Add it last in the pipeline (behind TLS, where there is any) before the channel is active.
/// `decide` is asked about every first request that has a proper head, upgrade or not.
package final class FirstRequestHandler: WheelTimer, ChannelDuplexHandler,
  RemovableChannelHandler
{
  /// Bytes as the channel reads them.
  package typealias InboundIn = ByteBuffer
  /// The same bytes, for whoever takes the connection over.
  package typealias InboundOut = ByteBuffer
  /// Nothing is written through this handler from further in.
  package typealias OutboundIn = ByteBuffer
  /// Bytes for the channel to write.
  package typealias OutboundOut = ByteBuffer

  /// Decides by a request's head; called on the channel's loop, answers on any.
  package typealias Decide =
    @Sendable (HTTPRequestHead, any Channel) -> EventLoopFuture<UpgradeDecision>
  /// Adds the ordinary HTTP handlers to the channel's pipeline; called on the channel's loop.
  package typealias InstallHTTP = @Sendable (any Channel) -> EventLoopFuture<Void>

  private enum State {
    /// The head is not complete yet.
    case reading
    /// Somebody else's answer is waited for: `decide`'s or `installHTTP`'s.
    case waiting
    /// A response was sent; the end of TCP is waited for.
    case refused
    /// Another handler has the connection, or it is gone.
    case done
  }

  private let shared: SharedConfiguration
  private let decide: Decide
  private let installHTTP: InstallHTTP
  private let refusalBody: HTTPRefusal.Body
  private var resources: LoopResources?
  private var state = State.reading
  private var bytes = ByteBuffer()
  private var readIsHeldBack = false
  /// What happened to the channel while another handler was waited for; it has to know of it.
  private var heldEvents: [Any] = []

  /// A handler for one connection; `refusalBody` says how refusals are worded, its own and others'.
  package init(
    configuration: SharedConfiguration,
    refusalBody: @escaping HTTPRefusal.Body = HTTPRefusal.plainText,
    decide: @escaping Decide, installHTTP: @escaping InstallHTTP
  ) {
    shared = configuration
    self.refusalBody = refusalBody
    self.decide = decide
    self.installHTTP = installHTTP
    super.init()
  }

  // MARK: The channel's life

  /// Takes the loop's buffer and sets the deadline. On the loop.
  package func handlerAdded(context: ChannelHandlerContext) {
    let resources = LoopResources.of(context.eventLoop)
    self.resources = resources
    try? context.channel.readIntoSharedBuffer(of: resources)
    self.context = context
    resources.wheel.set(
      self, at: context.eventLoop.now + shared.configuration.handshakeTimeout)
  }

  private var context: ChannelHandlerContext?

  /// Lets go of everything.
  package func handlerRemoved(context: ChannelHandlerContext) {
    end()
    self.context = nil
  }

  /// The peer is gone before anything was decided.
  package func channelInactive(context: ChannelHandlerContext) {
    end()
    context.fireChannelInactive()
  }

  private func end() {
    state = .done
    resources?.wheel.cancel(self)
    bytes = ByteBuffer()
    heldEvents = []
  }

  /// Half-closing and quiescing end a connection that nothing was decided about. What becomes of the
  /// connection otherwise is told of them.
  package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard state != .waiting else { return heldEvents.append(event) }
    switch event {
    case ChannelEvent.inputClosed: context.close(promise: nil)
    case is ChannelShouldQuiesceEvent where state == .reading: context.close(promise: nil)
    default: break
    }
    context.fireUserInboundEventTriggered(event)
  }

  /// TCP or TLS failed: closes without a word.
  package func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // Nothing was agreed with this peer that could be said in return: TLS failed, or TCP did.
    context.close(promise: nil)
  }

  /// The wheel's call: the time for a request or an answer is over.
  package override func deadlinePassed(now: NIODeadline) {
    guard let context else { return }
    switch state {
    case .reading where bytes.readableBytes > 0: refuse(.tooSlow)
    case .waiting: refuse(.undecided)
    case .reading, .refused: context.close(promise: nil)
    case .done: break
    }
  }

  // MARK: Reading

  /// Holds reads back while more than a head's worth waits for a decision.
  package func read(context: ChannelHandlerContext) {
    if state == .waiting && bytes.readableBytes > shared.configuration.maxHeaderBytes {
      readIsHeldBack = true
    } else {
      context.read()
    }
  }

  /// Gathers the head, and keeps what comes behind it.
  package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var arrived = unwrapInboundIn(data)
    switch state {
    case .reading:
      bytes.writeBuffer(&arrived)
      lookAtHead(context)
    case .waiting: bytes.writeBuffer(&arrived)
    case .refused: break
    case .done: context.fireChannelRead(data)
    }
    resources?.giveBackReceive(arrived)
  }

  private func lookAtHead(_ context: ChannelHandlerContext) {
    let limit = shared.configuration.maxHeaderBytes
    switch HTTPHead.request(bytes.readableBytesView) {
    case .incomplete:
      if bytes.readableBytes > limit { refuse(.headTooLarge(limit)) }
    case .malformed: handOver(context)
    case .head(let head, let size):
      guard size <= limit else { return refuse(.headTooLarge(limit)) }
      state = .waiting
      let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
      decide(head, context.channel).hop(to: context.eventLoop).whenComplete { result in
        bound.value.decided(result, head, size)
      }
    }
  }

  private func decided(
    _ result: Result<UpgradeDecision, any Error>, _ head: HTTPRequestHead, _ size: Int
  ) {
    guard state == .waiting, let context else { return }
    switch result {
    case .failure: refuse(.failed)
    case .success(.refuse(let refusal)): refuse(refusal)
    case .success(.http): handOver(context)
    case .success(.upgrade(let acceptance)):
      let shared = acceptance.configuration ?? self.shared
      let outcome = ServerHandshake.answer(
        head, acceptance: acceptance, compression: shared.configuration.compression)
      switch outcome {
      case .refuse(let refusal): refuse(refusal)
      case .accept(let headers, let subprotocol, let deflate):
        bytes.moveReaderIndex(forwardBy: size)
        upgrade(context, headers) { resources in
          WebSocketConnection(
            role: .server, shared: shared, resources: resources, subprotocol: subprotocol,
            deflate: deflate, delegate: acceptance.makeDelegate())
        }
      }
    }
  }

  // MARK: The three outcomes

  private func upgrade(
    _ context: ChannelHandlerContext, _ headers: HTTPHeaders,
    _ make: (LoopResources) -> WebSocketConnection
  ) {
    guard let resources else { return }
    let response = HTTPHead.encode("HTTP/1.1 101 Switching Protocols", headers)
    context.writeAndFlush(wrapOutboundOut(response), promise: nil)
    // Writing may have shown that the peer is gone.
    guard state == .waiting else { return }
    passOn(context) {
      try context.pipeline.syncOperations.addHandler(
        make(resources), position: .after(self))
    }
  }

  private func handOver(_ context: ChannelHandlerContext) {
    state = .waiting
    let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
    installHTTP(context.channel).hop(to: context.eventLoop).whenComplete { result in
      let handler = bound.value
      guard handler.state == .waiting, let context = handler.context else { return }
      handler.passOn(context) {
        _ = try result.get()
        try context.channel.readIntoOwnBuffer()
      }
    }
  }

  /// Has `install` put the next handlers in, gives them what has arrived, and leaves.
  private func passOn(_ context: ChannelHandlerContext, install: () throws -> Void) {
    do {
      try install()
    } catch {
      return context.close(promise: nil)
    }
    let (arrived, events) = (bytes, heldEvents)
    end()
    if arrived.readableBytes > 0 {
      context.fireChannelRead(wrapInboundOut(arrived))
      context.fireChannelReadComplete()
    }
    for event in events { context.fireUserInboundEventTriggered(event) }
    if readIsHeldBack { context.read() }
    context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
  }

  private func refuse(_ refusal: HTTPRefusal) {
    guard let context, state == .reading || state == .waiting else { return }
    state = .refused
    bytes = ByteBuffer()
    heldEvents = []
    resources?.wheel.set(self, at: context.eventLoop.now + shared.configuration.closeTimeout)
    context.writeAndFlush(wrapOutboundOut(refusal.response(refusalBody)), promise: nil)
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    let promise = context.eventLoop.makePromise(of: Void.self)
    promise.futureResult.whenFailure { _ in bound.value.close(promise: nil) }
    // Only this direction: closing both while the peer still sends would reset the connection, and
    // the response could be lost with it.
    context.close(mode: .output, promise: promise)
    if readIsHeldBack { context.read() }
  }
}

extension HTTPRefusal {
  fileprivate static let tooSlow = HTTPRefusal(
    .requestTimeout, code: "requestTimeout", "The request's head was not complete in time.")
  fileprivate static let undecided = HTTPRefusal(
    .serviceUnavailable, code: "overloaded", "It could not be decided in time what to answer.")
  fileprivate static let failed = HTTPRefusal(
    .internalServerError, code: "internal", "It could not be decided what to answer.")

  fileprivate static func headTooLarge(_ limit: Int) -> HTTPRefusal {
    HTTPRefusal(
      .requestHeaderFieldsTooLarge, code: "headTooLarge",
      "The request's head is larger than \(limit) bytes.")
  }
}
