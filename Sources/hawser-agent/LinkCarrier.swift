import AgentCore
import DeviceProtocol
import NIOCore
import NIOHTTP1
import WebSocketTransport

/// What carries the messages of one attempt, whatever the way. Bound to the shell's event loop.
protocol LinkCarrier: AnyObject {
  /// Sends one message.
  func send(_ message: [UInt8])
  /// Ends it orderly; `LinkShell.ended` is called when it is over.
  func close(_ reason: CloseReason, detail: String)
}

/// A WebSocket as a carrier.
final class WebSocketCarrier: LinkCarrier, WebSocketDelegate {
  private let attempt: LinkAttempt
  private let shell: LinkShell
  private var connection: WebSocketConnection?
  private var isClosing = false

  init(attempt: LinkAttempt, shell: LinkShell) {
    self.attempt = attempt
    self.shell = shell
  }

  func send(_ message: [UInt8]) {
    connection?.send(text: message)
  }

  func close(_ reason: CloseReason, detail: String) {
    isClosing = true
    connection?.close(
      code: reason.code, reason: detail.isEmpty ? reason.text : reason.text(detail))
    // Without a connection, the attempt to make one ends by itself.
  }

  func webSocketOpened(_ connection: WebSocketConnection) {
    guard !isClosing else {
      // Nobody waits for it any more.
      connection.close(code: CloseReason.goingAway.code)
      return
    }
    self.connection = connection
    shell.opened(attempt, isCompressed: connection.negotiated.deflate != nil)
  }

  func webSocket(_ connection: WebSocketConnection, receivedText text: ByteBuffer) {
    shell.received(attempt, text)
  }

  func webSocket(_ connection: WebSocketConnection, receivedBinary binary: ByteBuffer) {
    connection.close(
      code: CloseReason.unsupportedData.code, reason: CloseReason.unsupportedData.text)
  }

  func webSocketWritabilityChanged(_ connection: WebSocketConnection) {
    shell.writabilityChanged(attempt, connection.isWritable)
  }

  func webSocketReceivedPong(_ connection: WebSocketConnection, payload: ByteBuffer) {
    shell.heard(attempt)
  }

  func webSocketClosed(_ connection: WebSocketConnection, _ end: WebSocketEnd) {
    self.connection = nil
    shell.ended(attempt, LinkEnding(end))
  }
}
