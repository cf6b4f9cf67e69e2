/// Why a link is closed: the one table of close codes.
///
/// 1000–1013 as registered with IANA; 4000–4499: come back with backoff; 4500–4999: do not come
/// back before somebody changes something (an agent then retries slowly, so it is never bricked).
package enum CloseReason: UInt16, CaseIterable, Sendable {
  case normal = 1000
  case goingAway = 1001
  case protocolViolation = 1002
  case unsupportedData = 1003
  case invalidText = 1007
  case policyViolation = 1008
  case messageTooLarge = 1009
  case internalError = 1011
  case serviceRestart = 1012
  case overloaded = 1013

  case rebalanced = 4000
  case heartbeatLost = 4001
  case readerTooSlow = 4002
  case tokenExpired = 4003
  case sessionUnknown = 4004
  case rateLimited = 4005
  case protocolError = 4006

  case authenticationFailed = 4500
  case revoked = 4501
  case versionNotSupported = 4502
  case replaced = 4503
  case notEnrolled = 4504

  /// Who closes with a code.
  package enum Sender: Sendable {
    /// The broker alone.
    case broker
    /// The agent or dashboard alone.
    case client
    /// Either.
    case either
  }

  /// What a client does after the broker has closed.
  package enum Reaction: Sendable {
    /// Nothing: the end was agreed.
    case stayAway
    /// It opens a new link at once, with a little jitter, then with backoff.
    case reconnect
    /// It opens a new link with backoff.
    case backOff
    /// It waits for what `bye.reconnectAfter` or `Retry-After` said, otherwise backs off.
    case waitAsTold
    /// It gets a new token, then opens a new link.
    case renewToken
    /// It tries again every 15 minutes, until somebody has changed something.
    case retrySlowly
  }

  /// One row of the table.
  package struct Row: Sendable {
    /// A stable word for logs and metrics.
    package var name: StaticString
    /// What goes into the close frame: at most 123 bytes.
    package var text: StaticString
    /// Who closes so.
    package var sender: Sender
    /// What the client does then.
    package var reaction: Reaction
  }

  /// The table.
  package var row: Row {
    switch self {
    case .normal: Row("normal", "done", .either, .stayAway)
    case .goingAway: Row("going-away", "shutting down", .either, .backOff)
    case .protocolViolation:
      Row("protocol-violation", "not WebSocket as in RFC 6455", .either, .backOff)
    case .unsupportedData:
      Row("unsupported-data", "messages are JSON in text frames", .either, .backOff)
    case .invalidText: Row("invalid-text", "a text message is not UTF-8", .either, .backOff)
    case .policyViolation: Row("policy-violation", "not allowed", .broker, .retrySlowly)
    case .messageTooLarge:
      Row("message-too-large", "a message is larger than announced", .either, .backOff)
    case .internalError: Row("internal-error", "an error on our side", .either, .backOff)
    case .serviceRestart: Row("service-restart", "restarting", .broker, .waitAsTold)
    case .overloaded: Row("overloaded", "too busy, try later", .broker, .waitAsTold)
    case .rebalanced: Row("rebalanced", "please connect again", .broker, .waitAsTold)
    case .heartbeatLost: Row("heartbeat-lost", "nothing heard for too long", .either, .reconnect)
    case .readerTooSlow: Row("reader-too-slow", "nothing was read for too long", .broker, .backOff)
    case .tokenExpired: Row("token-expired", "the token has expired", .broker, .renewToken)
    case .sessionUnknown: Row("session-unknown", "the session is not known", .broker, .reconnect)
    case .rateLimited: Row("rate-limited", "too many messages", .broker, .backOff)
    case .protocolError: Row("protocol-error", "malformed message", .either, .backOff)
    case .authenticationFailed:
      Row("authentication-failed", "the credentials are not accepted", .broker, .retrySlowly)
    case .revoked: Row("revoked", "this device has been revoked", .broker, .retrySlowly)
    case .versionNotSupported:
      Row("version-not-supported", "this protocol version is not served", .either, .retrySlowly)
    case .replaced:
      Row("replaced", "replaced by a newer link of this device", .broker, .retrySlowly)
    case .notEnrolled: Row("not-enrolled", "this device is not enrolled", .broker, .retrySlowly)
    }
  }

  /// The code in a close frame.
  package var code: UInt16 { rawValue }

  /// The text for a close frame.
  package var text: String { "\(row.text)" }

  /// The text with a detail behind it, such as the field that is wrong, cut to the 123 bytes that a
  /// close frame has room for, never inside a character.
  package func text(_ detail: String) -> String {
    var text = "\(row.text): \(detail)"
    while text.utf8.count > ProtocolLimits.maxCloseTextBytes { text.removeLast() }
    return text
  }
}

extension CloseReason.Row {
  fileprivate init(
    _ name: StaticString, _ text: StaticString, _ sender: CloseReason.Sender,
    _ reaction: CloseReason.Reaction
  ) {
    self.init(name: name, text: text, sender: sender, reaction: reaction)
  }
}
