import NIOCore
import Synchronization
import WebSocketTransport

/// Keeps everything a connection tells, and answers as the test wants.
final class RecordingDelegate: WebSocketDelegate {
  enum Event: Equatable {
    case opened
    case text(String)
    case binary([UInt8])
    case writable(Bool)
    case pong([UInt8])
    case closed(WebSocketEnd)
  }

  private(set) var events: [Event] = []
  private(set) var connection: WebSocketConnection?
  var onMessage: (WebSocketConnection, ByteBuffer, _ isText: Bool) -> Void = { _, _, _ in }

  var texts: [String] { events.compactMap { if case .text(let text) = $0 { text } else { nil } } }
  var binaries: [[UInt8]] {
    events.compactMap { if case .binary(let bytes) = $0 { bytes } else { nil } }
  }
  var end: WebSocketEnd? {
    if case .closed(let end) = events.last { end } else { nil }
  }

  func webSocketOpened(_ connection: WebSocketConnection) {
    self.connection = connection
    events.append(.opened)
  }

  func webSocket(_ connection: WebSocketConnection, receivedText text: ByteBuffer) {
    events.append(.text(String(buffer: text)))
    onMessage(connection, text, true)
  }

  func webSocket(_ connection: WebSocketConnection, receivedBinary binary: ByteBuffer) {
    events.append(.binary(Array(binary.readableBytesView)))
    onMessage(connection, binary, false)
  }

  func webSocketWritabilityChanged(_ connection: WebSocketConnection) {
    events.append(.writable(connection.isWritable))
  }

  func webSocketReceivedPong(_ connection: WebSocketConnection, payload: ByteBuffer) {
    events.append(.pong(Array(payload.readableBytesView)))
  }

  func webSocketClosed(_ connection: WebSocketConnection, _ end: WebSocketEnd) {
    self.connection = nil
    events.append(.closed(end))
  }
}

/// Sends every message back as it came.
final class EchoDelegate: WebSocketDelegate {
  func webSocket(_ connection: WebSocketConnection, receivedText text: ByteBuffer) {
    connection.send(text: text)
  }

  func webSocket(_ connection: WebSocketConnection, receivedBinary binary: ByteBuffer) {
    connection.send(binary: binary)
  }

  func webSocketClosed(_ connection: WebSocketConnection, _ end: WebSocketEnd) {}
}

/// Says hello, and tells how it ended.
final class GreetingDelegate: WebSocketDelegate {
  private let told: AsyncStream<WebSocketEnd>.Continuation

  init(_ told: AsyncStream<WebSocketEnd>.Continuation) {
    self.told = told
  }

  func webSocketOpened(_ connection: WebSocketConnection) { connection.send(text: "hello") }

  func webSocket(_ connection: WebSocketConnection, receivedText text: ByteBuffer) {}

  func webSocket(_ connection: WebSocketConnection, receivedBinary binary: ByteBuffer) {}

  func webSocketClosed(_ connection: WebSocketConnection, _ end: WebSocketEnd) { told.yield(end) }
}
