import BrokerCore
import DeviceProtocol
import NIOCore
import TelemetryModel
import WebSocketTransport

/// What carries the messages of one ``DeviceConnection``: a WebSocket, or HTTP requests. Loop-bound.
protocol DeviceTransport: AnyObject {
  /// The loop on which everything here is called.
  var eventLoop: any EventLoop { get }
  var kind: LinkTransport { get }
  /// The peer's address without its port.
  var remoteIP: String? { get }

  /// The session has begun, under this name.
  func sessionOpened(_ session: String)
  /// Sends one JSON message.
  func send(message: [UInt8])
  /// Sends `bye`; nothing else follows but the end.
  func send(bye: Bye)
  /// Ends the transport, which calls the connection's `ended` once it is over.
  func close(_ reason: CloseReason, _ text: String)
}

extension DeviceTransport {
  func send(bye: Bye) {
    var bytes: [UInt8] = []
    BrokerMessage.bye(bye).encode(into: &bytes)
    send(message: bytes)
  }
}

extension WebSocketConnection: DeviceTransport {
  var kind: LinkTransport { negotiated.deflate == nil ? .webSocket : .webSocketDeflate }

  var remoteIP: String? { remoteAddress?.ipAddress }

  func sessionOpened(_ session: String) {}

  func send(message: [UInt8]) { send(text: message) }

  func close(_ reason: CloseReason, _ text: String) {
    close(code: reason.code, reason: reason.text(text))
  }
}

// A device's WebSocket.
extension DeviceConnection: WebSocketDelegate {
  func webSocketOpened(_ connection: WebSocketConnection) {
    opened(over: connection)
  }

  func webSocket(_ connection: WebSocketConnection, receivedText text: ByteBuffer) {
    received(text)
  }

  func webSocket(_ connection: WebSocketConnection, receivedBinary binary: ByteBuffer) {
    connection.close(code: 1003, reason: "messages are JSON text")
  }

  func webSocketReceivedPong(_ connection: WebSocketConnection, payload: ByteBuffer) {
    heard()
  }

  func webSocketClosed(_ connection: WebSocketConnection, _ end: WebSocketEnd) {
    ended(LinkEndCause(end), detail: "\(end.code) \(end.reason)")
  }
}

extension LinkEndCause {
  /// What the end of a WebSocket says, where the broker did not close it.
  fileprivate init(_ end: WebSocketEnd) {
    switch end.cause {
    case .closedByPeer: self = .closedByDevice
    case .closedHere: self = end.sentCode == 1001 ? .brokerStopped : .protocolError
    case .failed(.keepaliveTimedOut): self = .silent
    case .failed(.outboundOverflow): self = .rateLimited
    case .failed(.transport), .dropped: self = .dropped
    case .failed: self = .protocolError
    }
  }
}
