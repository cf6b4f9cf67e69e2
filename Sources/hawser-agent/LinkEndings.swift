import AgentCore
import DeviceProtocol
import Glibc
import NIOHTTP1
import WebSocketTransport

extension LinkEnding {
  /// What the end of a connection means.
  init(_ end: WebSocketEnd) {
    switch end.cause {
    case .closedByPeer: self = .closed(code: end.code, reason: end.reason)
    case .closedHere: self = .gaveUp(.unsupportedData)
    case .dropped: self = .dropped
    case .failed(.transport(let text)):
      self = text == "errno \(ECONNRESET)" ? .reset : .transportFailed(text)
    case .failed(let error):
      self = .gaveUp(error.closeCode.flatMap(CloseReason.init) ?? .protocolViolation)
    }
  }

  /// Why there is no connection.
  /// - Parameters:
  ///   - error: what connecting threw.
  ///   - isClockSet: whether this machine knows the date, which certificates are checked against.
  init(_ error: any Error, isClockSet: Bool = true) {
    guard let error = error as? HandshakeError else {
      self = .unreachable(.notConnected, detail: "\(error)")
      return
    }
    switch error {
    case .status(let code, let headers, _):
      self = .refused(status: code, retryAfter: Self.retryAfter(headers))
    case .timedOut(let step): self = .timedOut(step: step.rawValue)
    default:
      var obstacle = Self.obstacle(error)
      if obstacle == .certificateNotTrusted, !isClockSet { obstacle = .clockNotSet }
      self = .unreachable(obstacle, detail: error.description)
    }
  }

  /// The wait that an answer asks for; nil where it asks for none.
  static func retryAfter(_ headers: HTTPHeaders) -> Duration? {
    // A date instead of seconds is rare and leaves it to the backoff.
    let seconds = headers.first(name: "Retry-After").flatMap { Int64($0) }
    return seconds.map { .seconds(max(0, min($0, 86_400))) }
  }

  private static func obstacle(_ error: HandshakeError) -> Obstacle {
    switch error {
    case .connect(let failure, toProxy: _):
      switch failure {
      case .nameNotFound: .nameNotFound
      case .refused: .portClosed
      case .unreachable: .noRoute
      case .errno: .notConnected
      }
    case .tls(let failure):
      switch failure {
      case .certificateNotTrusted: .certificateNotTrusted
      case .wrongName: .certificateForOther
      case .notTLS: .notTLS
      case .unusableTrustRoots, .handshake: .tlsFailed
      }
    case .proxyRefused(407): .proxyAuthentication
    case .proxyRefused: .proxyRefused
    case .proxyAnswerMalformed, .headTooLarge(.proxy, _), .unusableProxy: .proxyUnusable
    case .upgradeStripped: .upgradeStripped
    case .badAccept, .badSubprotocol, .badExtensions, .answerMalformed, .headTooLarge:
      .badHandshake
    case .dropped(.connect), .timedOut, .status: .notConnected
    case .dropped: .cutInHandshake
    }
  }
}
