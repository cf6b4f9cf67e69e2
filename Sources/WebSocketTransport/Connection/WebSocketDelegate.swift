package import NIOCore

/// What a connection tells its owner. Everything is called on the connection's event loop.
///
/// A buffer received may be kept; one that is not kept is used again for the next message. The
/// connection may be sent to, paused and closed from within any of these calls.
package protocol WebSocketDelegate: AnyObject {
  /// The handshake is done; called once, before anything else.
  func webSocketOpened(_ connection: WebSocketConnection)
  /// A whole text message; its bytes are valid UTF-8.
  func webSocket(_ connection: WebSocketConnection, receivedText text: ByteBuffer)
  /// A whole binary message.
  func webSocket(_ connection: WebSocketConnection, receivedBinary binary: ByteBuffer)
  /// `isWritable` has changed.
  func webSocketWritabilityChanged(_ connection: WebSocketConnection)
  /// A pong came, asked for or not.
  func webSocketReceivedPong(_ connection: WebSocketConnection, payload: ByteBuffer)
  /// The connection is over; called exactly once, and last, where `webSocketOpened` was called.
  func webSocketClosed(_ connection: WebSocketConnection, _ end: WebSocketEnd)
}

extension WebSocketDelegate {
  /// Does nothing.
  package func webSocketOpened(_ connection: WebSocketConnection) {}
  /// Does nothing.
  package func webSocketWritabilityChanged(_ connection: WebSocketConnection) {}
  /// Does nothing.
  package func webSocketReceivedPong(_ connection: WebSocketConnection, payload: ByteBuffer) {}
}

/// How a connection ended.
package struct WebSocketEnd: Sendable, Equatable {
  /// Whose doing the end was.
  package enum Cause: Sendable, Equatable {
    /// The peer sent the first Close frame.
    case closedByPeer
    /// This side's `close` was called.
    case closedHere
    /// This side gave the connection up.
    case failed(WebSocketError)
    /// TCP ended without a Close frame.
    case dropped
  }

  /// Whose doing it was.
  package var cause: Cause
  /// The code of the peer's Close frame; 1005 where that had none, 1006 where none came.
  package var code: UInt16
  /// The reason in the peer's Close frame.
  package var reason: String
  /// The code of this side's Close frame; nil where none was sent.
  package var sentCode: UInt16?
  /// Both Close frames were exchanged (RFC 6455 §7.1.4).
  package var clean: Bool

  /// All of it; mostly for tests of delegates.
  package init(
    cause: Cause, code: UInt16 = 1006, reason: String = "", sentCode: UInt16? = nil,
    clean: Bool = false
  ) {
    self.cause = cause
    self.code = code
    self.reason = reason
    self.sentCode = sentCode
    self.clean = clean
  }
}
