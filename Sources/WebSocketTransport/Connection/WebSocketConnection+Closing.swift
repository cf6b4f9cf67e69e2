import NIOCore

/// How a connection comes to its end, from the first Close frame on. Exists only from then.
final class Ending {
  var end: WebSocketEnd
  /// What to do once the last frame is with the channel.
  var afterwards: Afterwards?

  enum Afterwards {
    /// Close TCP: both Close frames are exchanged and this is the server.
    case closeAll
    /// Send TCP's end and wait for the peer's, so that no reset overtakes the Close frame.
    case closeOutput
  }

  init(_ end: WebSocketEnd) {
    self.end = end
  }

  func everythingWritten(_ connection: WebSocketConnection) {
    guard let afterwards, let context = connection.context else { return }
    self.afterwards = nil
    switch afterwards {
    case .closeAll: Self.closeBehindWrites(context)
    case .closeOutput:
      let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
      let promise = context.eventLoop.makePromise(of: Void.self)
      // Where there is no half closing (some transports), closing all is what is left.
      promise.futureResult.whenFailure { _ in bound.value.close(promise: nil) }
      context.close(mode: .output, promise: promise)
    }
  }

  private static func closeBehindWrites(_ context: ChannelHandlerContext) {
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    let written = context.eventLoop.makePromise(of: Void.self)
    written.futureResult.whenComplete { _ in bound.value.close(promise: nil) }
    context.writeAndFlush(NIOAny(ByteBuffer()), promise: written)
  }
}

extension WebSocketConnection {
  /// Begins the closing handshake behind everything sent so far; later calls do nothing. `code` has to
  /// be one that may be sent; `reason` is cut at 123 bytes. The peer has `closeTimeout` to answer.
  package func close(code: UInt16 = 1000, reason: String = "") {
    guard phase == .open else { return }
    phase = .closeSent
    ending = Ending(WebSocketEnd(cause: .closedHere, sentCode: code))
    let bytes = ClosePayload(code: code, reason: reason).bytes
    if let backlog {
      backlog.append(.init(opcode: .close, isCompressed: false, payload: ByteBuffer(bytes: bytes)))
      if !flushIsQueued {
        flushIsQueued = true
        resources.flushLater(self)
      }
    } else {
      enqueueControl(.close, bytes)
    }
    startCloseDeadline()
    resumeReading()
  }

  /// Cuts the connection without a closing handshake.
  package func abort(_ error: WebSocketError) {
    guard phase != .ended else { return }
    if ending == nil { ending = Ending(WebSocketEnd(cause: .failed(error))) }
    phase = .lingering
    context?.close(promise: nil)
  }

  /// Gives the connection up: tells the peer why where that is possible, by `closing` or by what the error
  /// says itself, and takes in no more messages. What the kernel has of it by then reaches a peer that
  /// reads only long afterwards: TCP's end is sent behind it, and what still comes is read and dropped, so
  /// that no reset takes its place.
  func fail(_ error: WebSocketError, closing: ClosePayload? = nil) {
    guard phase == .open || phase == .closeSent else { return }
    let own = error.closeCode.map { ClosePayload(code: $0, reason: error.description) }
    guard let payload = closing ?? own else { return abort(error) }
    let alreadySent = closeIsOnItsWay
    phase = .lingering
    let sent = alreadySent ? ending?.end.sentCode : payload.code
    let ending = Ending(WebSocketEnd(cause: .failed(error), sentCode: sent))
    self.ending = ending
    releaseLoans()
    backlog = nil
    ending.afterwards = .closeOutput
    if !alreadySent {
      enqueueControl(.close, payload.bytes)
    }
    startCloseDeadline()
    flushNow()
    // The peer's end of TCP is only seen while reading.
    resumeReading()
  }

  /// The peer's Close frame came: answers it, unless it is the answer.
  func receivedClose(_ close: ClosePayload) {
    let alreadySent = closeIsOnItsWay
    phase = .lingering
    releaseLoans()
    backlog = nil
    let ending = self.ending ?? Ending(WebSocketEnd(cause: .closedByPeer))
    self.ending = ending
    ending.end.code = close.code ?? 1005
    ending.end.reason = close.reason
    ending.end.clean = true
    if !alreadySent {
      ending.end.sentCode = close.code ?? 1005
      enqueueControl(.close, ClosePayload(code: close.code).bytes)
    }
    // The server closes TCP first, so that the waiting state of TCP is not the client's
    // (RFC 6455 §7.1.1).
    if role == .server { ending.afterwards = .closeAll }
    startCloseDeadline()
    flushNow()
  }

  /// This side's Close frame is sent or will be at once. Behind a long message it waits in the backlog,
  /// and goes with that where the connection ends before.
  private var closeIsOnItsWay: Bool { phase == .closeSent && backlog == nil }

  /// TCP, or TLS, failed below.
  func transportFailed(_ error: any Error) {
    if ending == nil {
      ending = Ending(WebSocketEnd(cause: .failed(.transport(TransportFailure.describe(error)))))
    }
    context?.close(promise: nil)
  }

  func keepaliveDue(now: NIODeadline) {
    guard let settings = configuration.keepalive else { return }
    // Whoever is not listened to cannot be called silent, nor whoever has much to read before the ping:
    // whether that reads at all is for the delegate to see, from what the connection is rid of.
    if isPaused || !transportIsWritable { keepalive.heard(at: now) }
    switch keepalive.due(settings, now: now) {
    case .wait(let until): resources.wheel.set(self, at: until)
    case .ping(let next):
      ping()
      resources.wheel.set(self, at: next)
    case .giveUp: fail(.keepaliveTimedOut, closing: settings.closing)
    }
  }

  func closeDeadlinePassed() {
    if let ending, !ending.end.clean, case .closedHere = ending.end.cause {
      ending.end.cause = .failed(.closeTimedOut)
    }
    context?.close(promise: nil)
  }

  /// The channel is gone: tells the delegate, once, and lets go of everything.
  func finish() {
    guard phase != .ended else { return }
    let wasOpened = phase != .idle
    phase = .ended
    resources.wheel.cancel(self)
    releaseLoans()
    backlog = nil
    outbox = nil
    batch = nil
    directSocket = nil
    inboundWindow.drop()
    outboundWindow.drop()
    let end = ending?.end ?? WebSocketEnd(cause: .dropped)
    let delegate = self.delegate
    self.delegate = nil
    if wasOpened { delegate?.webSocketClosed(self, end) }
  }

  private func startCloseDeadline() {
    resources.wheel.set(self, at: eventLoop.now + configuration.closeTimeout)
  }

  /// Gives back what a message in progress had from the loop.
  private func releaseLoans() {
    if let inflater = inbound.inflater { resources.giveBack(inflater) }
    if let message = inbound.message { resources.giveBackMessage(message) }
    inbound = InboundState()
  }
}

/// What may be told of an error from below: an errno or the kind of error, never what a peer or a
/// configuration said.
enum TransportFailure {
  static func describe(_ error: any Error) -> String {
    if let error = error as? IOError { return "errno \(error.errnoCode)" }
    return String(describing: type(of: error))
  }
}
