import NIOCore
import NIOPosix
import TelemetryModel
import WebSocketTransport

/// Reads a live link for as long as it lasts.
final class LiveClient: WebSocketDelegate {
  /// What happens on it.
  enum Event: Sendable {
    case message(JSONValue)
    case ended(WebSocketEnd)
  }

  private let request: JSONValue
  private let events: AsyncStream<Event>.Continuation

  private init(_ request: JSONValue, _ events: AsyncStream<Event>.Continuation) {
    self.request = request
    self.events = events
  }

  /// Connects, and sends one request.
  ///
  /// - Throws: `HandshakeError`.
  static func open(
    _ url: WebSocketURL, caFile: String?, request: JSONValue
  ) async throws -> AsyncStream<Event> {
    let (events, continuation) = AsyncStream<Event>.makeStream()
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let tls = url.isSecure ? try ClientTLS(caFile: caFile) : nil
    let opened = loop.makePromise(of: Void.self)
    var configuration = WebSocketConfiguration()
    configuration.maxMessageBytes = 64 << 20
    configuration.maxFrameBytes = 64 << 20
    configuration.keepalive = .init()
    let shared = SharedConfiguration(configuration)
    loop.execute {
      let delegate = LiveClient(request, continuation)
      WebSocketClient.connect(
        to: url, configuration: shared, tls: tls, subprotocols: ["hawser.live.v1"],
        delegate: delegate, on: loop
      ).assumeIsolated().whenComplete { opened.completeWith($0.map { _ in () }) }
    }
    try await opened.futureResult.get()
    return events
  }

  func webSocketOpened(_ connection: WebSocketConnection) {
    connection.send(text: request.json)
  }

  func webSocket(_ connection: WebSocketConnection, receivedText text: ByteBuffer) {
    guard let json = try? JSONValue(parsing: text.readableBytesUInt8Span) else { return }
    events.yield(.message(json))
  }

  func webSocket(_ connection: WebSocketConnection, receivedBinary binary: ByteBuffer) {}

  func webSocketClosed(_ connection: WebSocketConnection, _ end: WebSocketEnd) {
    events.yield(.ended(end))
    events.finish()
  }
}
