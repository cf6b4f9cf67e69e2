import DeviceProtocol
import NIOCore
import WebSocketTransport

/// One connection as `diagnose` uses it: what happens on it is waited for, with a limit. It is a
/// spare link: it says no hello, so that the broker takes it for no device that came online.
///
/// Its methods belong to one task, its delegate's calls to the event loop.
final class DiagnosticLink: WebSocketDelegate, Sendable {
  /// What happens on a link.
  enum Event: Sendable {
    /// A message of the broker's.
    case message(BrokerMessage)
    /// The end.
    case ended(WebSocketEnd)
    /// Nothing within the limit.
    case nothing
  }

  /// Whether a link did what was asked of it.
  enum Outcome: Hashable, Sendable {
    /// It works.
    case works
    /// It ended, or was reset; at this age, in seconds.
    case ended(ageSeconds: Double)
    /// Nobody answers any more; noticed at this age.
    case silent(ageSeconds: Double)
    /// The broker does not want it, and why.
    case refused(String)
  }

  private enum Signal: Sendable {
    case event(Event)
    case time(UInt64)
  }

  /// How long an answer may take.
  static let answerLimit = Duration.seconds(5)

  private let loop: any EventLoop
  private let connection: NIOLoopBoundBox<WebSocketConnection?>
  private let signals: AsyncStream<Signal>
  private let sink: AsyncStream<Signal>.Continuation
  private let clock = ContinuousClock()
  private let began = ContinuousClock.now

  /// A link that is not connected yet.
  init(on loop: any EventLoop) {
    self.loop = loop
    connection = .makeEmptyBox(valueType: WebSocketConnection.self, eventLoop: loop)
    (signals, sink) = AsyncStream.makeStream()
  }

  /// Connects as the agent does.
  /// - Returns: whether messages are compressed.
  func open(
    _ configuration: AgentConfiguration, compressed: Bool, tls: ClientTLS?
  ) async throws(HandshakeError) -> Bool {
    var transport = configuration.transport.configuration
    if !compressed { transport.compression = nil }
    let shared = SharedConfiguration(transport)
    let opened = loop.makePromise(of: Bool.self)
    loop.execute { [self] in
      WebSocketClient.connect(
        to: configuration.url, configuration: shared, tls: tls, proxy: configuration.proxy,
        subprotocols: [DeviceLink.subprotocol], delegate: self, on: loop
      ).assumeIsolated().whenComplete { result in
        switch result {
        case .success(let connection): opened.succeed(connection.negotiated.deflate != nil)
        case .failure(let error): opened.fail(error)
        }
      }
    }
    do {
      return try await opened.futureResult.get()
    } catch {
      throw error as? HandshakeError ?? .dropped(.connect)
    }
  }

  /// Seconds since the attempt to connect began.
  var ageSeconds: Double { (clock.now - began) / .seconds(1) }

  /// Becomes a spare link that may be silent for so long.
  func announce(silenceSeconds: Double) async -> Outcome {
    await ask(.probe(id: "probe", silenceSeconds: silenceSeconds))
  }

  /// Asks for a sign of life.
  func echo() async -> Outcome {
    await ask(.heartbeat(id: "echo", monoSeconds: ageSeconds))
  }

  /// Is silent for so long.
  func rest(_ duration: Duration) async -> Outcome {
    let end = clock.now + duration
    while clock.now < end {
      if case .ended = await next(within: end - clock.now) {
        return .ended(ageSeconds: ageSeconds)
      }
    }
    return .works
  }

  private func ask(_ question: AgentMessage) async -> Outcome {
    send(question)
    let end = clock.now + Self.answerLimit
    while true {
      switch await next(within: end - clock.now) {
      case .message(.response): return .works
      case .message(.error(_, let error)): return .refused(error.message)
      case .message(.bye(let bye)): return .refused(bye.reason)
      case .message: continue
      case .ended(let end) where end.cause == .closedByPeer && end.code != 1005:
        return .refused("\(end.code) \(end.reason)")
      case .ended: return .ended(ageSeconds: ageSeconds)
      case .nothing: return .silent(ageSeconds: ageSeconds)
      }
    }
  }

  private func next(within limit: Duration) async -> Event {
    guard limit > .zero else { return .nothing }
    let id = UInt64.random(in: .min ... .max)
    let sink = sink
    let timer = loop.scheduleTask(in: TimeAmount(limit)) { _ = sink.yield(.time(id)) }
    defer { timer.cancel() }
    var iterator = signals.makeAsyncIterator()
    while let signal = await iterator.next() {
      switch signal {
      case .event(let event): return event
      case .time(id): return .nothing
      case .time: continue
      }
    }
    return .nothing
  }

  private func send(_ message: AgentMessage) {
    var bytes: [UInt8] = []
    message.encode(into: &bytes)
    loop.execute { [self, bytes] in connection.value?.send(text: bytes) }
  }

  /// Ends the link.
  func close() {
    loop.execute { [self] in connection.value?.close(code: CloseReason.normal.code) }
  }

  // MARK: WebSocketDelegate

  func webSocketOpened(_ connection: WebSocketConnection) {
    self.connection.value = connection
  }

  func webSocket(_ connection: WebSocketConnection, receivedText text: ByteBuffer) {
    let bytes = Array(text.readableBytesView)
    guard let message = try? BrokerMessage.decode(bytes.span) else { return }
    sink.yield(.event(.message(message)))
  }

  func webSocket(_ connection: WebSocketConnection, receivedBinary binary: ByteBuffer) {}

  func webSocketClosed(_ connection: WebSocketConnection, _ end: WebSocketEnd) {
    self.connection.value = nil
    sink.yield(.event(.ended(end)))
  }
}
