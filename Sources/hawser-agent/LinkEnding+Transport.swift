import AgentCore
import DeviceProtocol
import Glibc
import NIOHTTP1
import TelemetryModel
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
  ///   - now: the time, as far as it is known.
  init(_ error: any Error, isClockSet: Bool = true, now: Timestamp? = nil) {
    guard let error = error as? HandshakeError else {
      self = .unreachable(.notConnected, detail: "\(error)")
      return
    }
    switch error {
    case .status(let code, let headers, _):
      self = .refused(status: code, retryAfter: Self.retryAfter(headers, now: now))
    case .timedOut(let step): self = .timedOut(step: step.rawValue)
    default:
      var obstacle = Self.obstacle(error)
      if obstacle == .certificateNotTrusted, !isClockSet { obstacle = .clockNotSet }
      self = .unreachable(obstacle, detail: error.description)
    }
  }

  /// The wait that an answer asks for, in seconds or by a date (RFC 9110 §10.2.3); nil where it asks
  /// for none. A date counts from the answer's own, which needs no clock here, else from `now`.
  static func retryAfter(_ headers: HTTPHeaders, now: Timestamp?) -> Duration? {
    guard let text = headers.first(name: "Retry-After") else { return nil }
    var seconds = Int64(text)
    if seconds == nil, let until = HTTPDate.seconds(text) {
      let told = headers.first(name: "Date").flatMap(HTTPDate.seconds)
      seconds = (told ?? now.map { $0.microseconds / 1_000_000 }).map { until - $0 }
    }
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
