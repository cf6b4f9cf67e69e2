package import DeviceProtocol

/// How an attempt or a link ended, as far as the transport can tell.
package enum LinkEnding: Hashable, Sendable {
  /// The upgrade was answered with another status than 101.
  case refused(status: Int, retryAfter: Duration?)
  /// There is no way to the broker: name, route, port, TLS; in words.
  case unreachable(String)
  /// A step of connecting took too long; which one.
  case timedOut(step: String)
  /// The broker closed with a code; 1005 where it gave none.
  case closed(code: UInt16, reason: String)
  /// The transport ended without a closing handshake.
  case dropped
  /// This side gave it up: heartbeat lost, malformed message, no welcome.
  case gaveUp(CloseReason)
}

extension LinkEnding {
  /// A stable word for `lastLink` and logs; `idle` says how long nothing had come when a link that
  /// was up ended.
  package func cause(idle: Duration?) -> String {
    switch self {
    case .refused(let status, _): "refused-\(status)"
    case .unreachable: "unreachable"
    case .timedOut(let step): "\(step)-timeout"
    case .closed(let code, _):
      CloseReason(rawValue: code).map { "\($0.row.name)" } ?? "closed-\(code)"
    case .dropped:
      // Nothing else on the path cuts a link that has just been used.
      if let idle, idle >= .seconds(10) { "idle-cut" } else { "dropped" }
    case .gaveUp(let reason): "\(reason.row.name)"
    }
  }

  /// What it means for the next attempt.
  var backoffCause: ReconnectBackoff.Cause {
    switch self {
    case .refused(_, let retryAfter?):
      // Everybody was told the same moment; a fifth more spreads them.
      .askedToWait(retryAfter...(retryAfter * 1.2))
    case .refused(401, _), .refused(403, _): .refused
    case .closed(let code, _):
      if let reason = CloseReason(rawValue: code) {
        reason.row.reaction == .retrySlowly ? .refused : .lost
      } else {
        (4500..<5000).contains(code) ? .refused : .lost
      }
    case .refused, .unreachable, .timedOut, .dropped, .gaveUp: .lost
    }
  }
}
