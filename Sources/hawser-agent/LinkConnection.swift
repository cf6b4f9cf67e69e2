import AgentCore
import DeviceProtocol
import NIOCore
import NIOHTTP1
import WebSocketTransport

/// Hands one connection's events on, with the attempt that they belong to.
final class LinkConnection: WebSocketDelegate {
  private let attempt: LinkAttempt
  private let shell: LinkShell

  init(attempt: LinkAttempt, shell: LinkShell) {
    self.attempt = attempt
    self.shell = shell
  }

  func webSocketOpened(_ connection: WebSocketConnection) {
    shell.opened(attempt, connection)
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

  func webSocketClosed(_ connection: WebSocketConnection, _ end: WebSocketEnd) {
    shell.closed(attempt, connection, end)
  }
}

extension LinkEnding {
  /// What the end of a connection means.
  init(_ end: WebSocketEnd) {
    switch end.cause {
    case .closedByPeer: self = .closed(code: end.code, reason: end.reason)
    case .closedHere: self = .gaveUp(.unsupportedData)
    case .dropped, .failed(.transport): self = .dropped
    case .failed(let error):
      self = .gaveUp(error.closeCode.flatMap(CloseReason.init) ?? .protocolViolation)
    }
  }

  /// Why there is no connection.
  init(_ error: any Error) {
    switch error as? HandshakeError {
    case .status(let code, let headers, _):
      // A date instead of seconds is rare and leaves it to the backoff.
      let seconds = headers.first(name: "Retry-After").flatMap { Int64($0) }
      self = .refused(
        status: code, retryAfter: seconds.map { .seconds(max(0, min($0, 86_400))) })
    case .proxyRefused(let status): self = .refused(status: status, retryAfter: nil)
    case .timedOut(let step): self = .timedOut(step: step.rawValue)
    case let failure?: self = .unreachable(failure.description)
    case nil: self = .unreachable("\(error)")
    }
  }
}
