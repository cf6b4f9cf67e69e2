package import NIOCore

/// One WebSocket connection behind its handshake, either role: the channel handler itself, and the last
/// one of its pipeline.
///
/// Loop-bound: everything is called, and calls its delegate, on `eventLoop`. It frames and parses,
/// compresses and inflates, checks UTF-8 while a message arrives, answers pings, keeps limits and
/// deadlines, and gathers what is sent into one flush a loop tick. What it does not need while idle it
/// borrows from its loop (`LoopResources`).
package final class WebSocketConnection: WheelTimer, ChannelDuplexHandler {
  /// Bytes as the channel reads them.
  package typealias InboundIn = ByteBuffer
  /// Nothing is written through this handler from further in.
  package typealias OutboundIn = ByteBuffer
  /// Bytes for the channel to write.
  package typealias OutboundOut = ByteBuffer

  /// How far the connection is. Each state is only left for a later one.
  enum Phase: UInt8 {
    /// Not in an active channel yet.
    case idle
    /// Messages go both ways.
    case open
    /// This side sent its Close frame and reads on for the peer's.
    case closeSent
    /// Nothing is sent or read any more; the end of TCP is waited for.
    case lingering
    /// The channel is gone and the delegate was told.
    case ended
  }

  // What a fan-out touches of each connection comes first and close together: of thousands of
  // connections nothing is in the processor's cache for long.
  //
  // `@exclusivity(unchecked)`: accesses to these are short, do not call out, and all happen on the
  // loop; checking each of them at run time took a sixth of the time of receiving a message.

  /// How much of a connection, from its beginning, that is about.
  static let sendingBytes = 192

  var phase = Phase.idle
  /// Which side of the handshake this is.
  package let role: WebSocketRole
  /// What limits a message prepared for many: this peer's window in bits, -1 where it inflates
  /// nothing.
  let preparedLimitBits: Int8
  /// Whether prepared messages are compressed against those before them.
  let sharesHistory: Bool
  /// The number of the history that it shares with others; 0 for none.
  @exclusivity(unchecked) var sharedHistory: UInt64 = 0
  @exclusivity(unchecked) var flushIsQueued = false
  /// The channel's writability, as it last told.
  @exclusivity(unchecked) var transportIsWritable = true
  @exclusivity(unchecked) var reportedWritable = true
  /// Somebody was answered that the connection is not writable, and has to be told when it is.
  @exclusivity(unchecked) var owesWritable = false
  var isPaused = false
  var readIsHeldBack = false
  let resources: LoopResources
  let shared: SharedConfiguration
  /// Frames that other connections have as well, to be written next; nil while there is an outbox.
  @exclusivity(unchecked) var batch: SharedBatch?
  var backlog: Backlog?
  var ending: Ending?
  /// The way past the channel; nil where there is none.
  @exclusivity(unchecked) var directSocket: DirectSocket?
  /// What went through so far.
  @exclusivity(unchecked) package internal(set) var counters = WebSocketCounters()
  @exclusivity(unchecked) var outboundWindow: PlaintextWindow
  /// Frames of this connection alone, to be written next; nil while there are none, or a batch.
  @exclusivity(unchecked) var outbox: ByteBuffer?

  @exclusivity(unchecked) var inbound = InboundState()
  @exclusivity(unchecked) var inboundWindow: PlaintextWindow
  @exclusivity(unchecked) var keepalive = KeepaliveMachine()

  let subprotocol: String?
  let deflate: DeflateParameters?
  var delegate: (any WebSocketDelegate)?
  var context: ChannelHandlerContext?

  /// The loop that everything happens on.
  package var eventLoop: any EventLoop { resources.eventLoop }
  /// What the handshake agreed on.
  package var negotiated: (subprotocol: String?, deflate: DeflateParameters?) {
    (subprotocol, deflate)
  }

  /// A connection for a channel whose handshake agreed on `subprotocol` and `deflate`. Call on the
  /// channel's loop; it opens when it is added to the pipeline.
  package init(
    role: WebSocketRole, shared: SharedConfiguration, resources: LoopResources,
    subprotocol: String?, deflate: DeflateParameters?, delegate: any WebSocketDelegate
  ) {
    self.role = role
    self.shared = shared
    self.resources = resources
    self.subprotocol = subprotocol
    self.deflate = deflate
    self.delegate = delegate
    var received = 0
    var sent = 0
    var preparedLimitBits: Int8 = -1
    var sharesHistory = false
    if let deflate {
      let theirs = deflate.sending(as: role.peer)
      if theirs.takeover { received = 1 << theirs.windowBits }
      let ours = deflate.sending(as: role)
      if let settings = shared.configuration.compression {
        sharesHistory = settings.sharesHistory && ours.takeover && role == .server
        if ours.takeover && !sharesHistory {
          sent = min(settings.historyBytes, 1 << ours.windowBits)
        }
        preparedLimitBits = Int8(min(ours.windowBits, settings.windowBits))
      }
    }
    self.preparedLimitBits = preparedLimitBits
    self.sharesHistory = sharesHistory
    inboundWindow = PlaintextWindow(limitBytes: received)
    outboundWindow = PlaintextWindow(limitBytes: sent)
    super.init()
  }

  var configuration: WebSocketConfiguration { _read { yield shared.configuration } }

  /// The peer's address, a proxy's where there is one in between; nil once the channel is gone.
  package var remoteAddress: SocketAddress? { context?.remoteAddress }

  /// The channel below; nil once it is gone.
  package var channel: (any Channel)? { context?.channel }

  /// Bytes of plaintext this connection keeps for context takeover, both ways.
  package var windowBytes: Int { inboundWindow.allocatedBytes + outboundWindow.allocatedBytes }

  // MARK: Reading on and off

  /// Stops reading from the socket; what one read already took in is still delivered. The peer counts
  /// as heard as long as this lasts.
  package func pauseReading() {
    isPaused = true
  }

  /// Reads again after `pauseReading`.
  package func resumeReading() {
    if isPaused && configuration.keepalive != nil { keepalive.heard(at: eventLoop.now) }
    isPaused = false
    guard readIsHeldBack else { return }
    readIsHeldBack = false
    context?.read()
  }

  /// Holds reads back while reading is paused.
  package func read(context: ChannelHandlerContext) {
    if isPaused && phase == .open { readIsHeldBack = true } else { context.read() }
  }

  // MARK: The channel's life

  /// Opens the connection where the channel is active already. On the loop.
  package func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    if context.channel.isActive { open(context) }
  }

  /// Opens the connection.
  package func channelActive(context: ChannelHandlerContext) {
    open(context)
    context.fireChannelActive()
  }

  private func open(_ context: ChannelHandlerContext) {
    guard phase == .idle else { return }
    phase = .open
    // NIO's own marks bound what it holds; what is over them waits here.
    try? context.channel.syncOptions?.setOption(
      .writeBufferWaterMark,
      value: .init(
        low: configuration.lowWatermarkBytes,
        high: max(configuration.highWatermarkBytes, configuration.lowWatermarkBytes + 1)))
    transportIsWritable = context.channel.isWritable
    if configuration.writesPastPipeline { directSocket = DirectSocket(context) }
    if let settings = configuration.keepalive {
      resources.wheel.set(self, at: keepalive.begin(settings, now: eventLoop.now))
    }
    delegate?.webSocketOpened(self)
  }

  /// Parses what one read brought.
  package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let buffer = unwrapInboundIn(data)
    counters.wireBytesIn &+= UInt64(buffer.readableBytes)
    if configuration.keepalive != nil { keepalive.heard(at: eventLoop.now) }
    buffer.withUnsafeReadableBytes { receive($0) }
    resources.giveBackReceive(buffer)
  }

  /// One read is done: a message in progress keeps only what it needs.
  package func channelReadComplete(context: ChannelHandlerContext) {
    settleMessageBuffer()
  }

  /// The transport takes more again, or no more.
  package func channelWritabilityChanged(context: ChannelHandlerContext) {
    transportIsWritable = context.channel.isWritable
    flushNow()
    context.fireChannelWritabilityChanged()
  }

  /// The peer's half-closing ends the connection; quiescing closes it with 1001.
  package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    switch event {
    // Half-open connections have no meaning here: without the peer's Close frame this is the end.
    case ChannelEvent.inputClosed: context.close(promise: nil)
    case is ChannelShouldQuiesceEvent: close(code: 1001, reason: "going away")
    default: break
    }
    context.fireUserInboundEventTriggered(event)
  }

  /// TCP is over: tells the delegate.
  package func channelInactive(context: ChannelHandlerContext) {
    finish()
    context.fireChannelInactive()
  }

  /// Ends the connection, if the channel has not.
  package func handlerRemoved(context: ChannelHandlerContext) {
    finish()
    self.context = nil
  }

  /// TCP or TLS failed: the connection ends with `transport`.
  package func errorCaught(context: ChannelHandlerContext, error: any Error) {
    transportFailed(error)
  }

  /// The wheel's call: the next deadline of this phase has come.
  package override func deadlinePassed(now: NIODeadline) {
    switch phase {
    case .idle, .ended: break
    case .open: keepaliveDue(now: now)
    case .closeSent, .lingering: closeDeadlinePassed()
    }
  }
}

/// What went through a connection. Wire bytes are those of frames, without TLS.
package struct WebSocketCounters: Sendable, Equatable {
  /// Frames' bytes read from the channel.
  package var wireBytesIn: UInt64 = 0
  /// Frames' bytes handed to the channel.
  package var wireBytesOut: UInt64 = 0
  /// Bytes of messages received, inflated.
  package var messageBytesIn: UInt64 = 0
  /// Bytes of messages sent, before compression.
  package var messageBytesOut: UInt64 = 0
  /// Messages received.
  package var messagesIn: UInt64 = 0
  /// Messages sent.
  package var messagesOut: UInt64 = 0
}

/// One configuration for all connections of an endpoint, so that each holds a reference only.
package final class SharedConfiguration: Sendable {
  /// The values.
  package let configuration: WebSocketConfiguration

  /// A configuration to be shared from now on.
  package init(_ configuration: WebSocketConfiguration) {
    self.configuration = configuration
  }
}
