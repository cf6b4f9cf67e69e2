package import DeviceProtocol

/// How an attempt or a link ended, as far as the transport can tell.
package enum LinkEnding: Hashable, Sendable {
  /// The request for the link was answered with an HTTP status that is none of those below.
  case refused(status: Int, retryAfter: Duration?)
  /// Something stands in the way to the broker; the detail is for people.
  case unreachable(Obstacle, detail: String)
  /// A step of connecting took too long; which one.
  case timedOut(step: String)
  /// The WebSocket opened and then nothing came over it, not even the welcome: a box on the way
  /// answers in the broker's name and swallows what follows.
  case swallowed
  /// The broker closed with a code; 1005 where it gave none.
  case closed(code: UInt16, reason: String)
  /// The transport ended without a closing handshake: FIN.
  case dropped
  /// The transport was reset: RST.
  case reset
  /// The transport failed in another way: no acknowledgement, no route any more; in words.
  case transportFailed(String)
  /// This side gave it up: heartbeat lost, malformed message, no welcome.
  case gaveUp(CloseReason)

  /// What stands in the way; the words are those of `lastLink`.
  package enum Obstacle: String, CaseIterable, Sendable {
    /// The name has no address, or no name server answers.
    case nameNotFound = "dns"
    /// No route to the broker's host or network.
    case noRoute = "no-route"
    /// Nothing listens at the broker's port.
    case portClosed = "port-closed"
    /// TCP did not come about for another reason.
    case notConnected = "not-connected"
    /// Nobody trusted vouches for the certificate: something on the way answers for the broker.
    case certificateNotTrusted = "tls-intercepted"
    /// The certificate cannot be checked because this machine does not know what day it is.
    case clockNotSet = "clock-not-set"
    /// The certificate is for another name.
    case certificateForOther = "tls-other-name"
    /// What answers does not speak TLS.
    case notTLS = "no-tls"
    /// TLS did not come about for another reason.
    case tlsFailed = "tls-failed"
    /// The proxy wants (other) credentials.
    case proxyAuthentication = "proxy-407"
    /// The proxy gives no tunnel.
    case proxyRefused = "proxy-refused"
    /// The proxy cannot be used as it is configured, or speaks no HTTP.
    case proxyUnusable = "proxy-unusable"
    /// The upgrade was lost on the way.
    case upgradeStripped = "upgrade-stripped"
    /// The answer to the upgrade is none.
    case badHandshake = "bad-handshake"
    /// The connection ended while it was asked for the link.
    case cutInHandshake = "cut-in-handshake"
  }
}

extension LinkEnding {
  /// A stable word for `lastLink` and logs.
  /// - Parameter cut: what the path did, where it was the path that ended a link that was up.
  /// - Returns: the word.
  package func cause(_ cut: PathRecord.Cut? = nil) -> String {
    switch self {
    case .refused(let status, _): "refused-\(status)"
    case .unreachable(let obstacle, _): obstacle.rawValue
    case .timedOut(let step): "\(step)-timeout"
    case .swallowed: "frames-swallowed"
    case .closed(let code, _):
      CloseReason(rawValue: code).map { "\($0.row.name)" } ?? "closed-\(code)"
    case .dropped: Self.word(cut) ?? "dropped"
    case .reset: Self.word(cut) ?? "reset"
    case .transportFailed: Self.word(cut) ?? "transport-failed"
    case .gaveUp(let reason): Self.word(cut) ?? "\(reason.row.name)"
    }
  }

  private static func word(_ cut: PathRecord.Cut?) -> String? {
    switch cut {
    case .idle: "idle-cut"
    case .lifetime: "lifetime-cut"
    case .unexplained, nil: nil
    }
  }

  /// Whether something between the two sides can have ended a link that was up: nobody said so.
  var mayBeThePath: Bool {
    switch self {
    case .dropped, .reset, .transportFailed, .gaveUp(.heartbeatLost): true
    // Some proxies close in the broker's name when they lose patience.
    case .closed(let code, _): code == CloseReason.goingAway.code || code == 1005
    default: false
    }
  }

  /// Whether a certificate was not accepted that may be at another time.
  var isOfCertificate: Bool {
    switch self {
    case .unreachable(.certificateNotTrusted, _), .unreachable(.clockNotSet, _): true
    default: false
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
    default: .lost
    }
  }

  /// What it says of the way in which an attempt was made that ended before its welcome.
  var rungFault: RungFault {
    switch self {
    case .refused(let status, _):
      switch status {
      // The broker, or the box before it, is not well, or wants to know who asks.
      case 401, 408, 429, 500, 502...504: .none
      default: .certain
      }
    case .unreachable(let obstacle, _):
      switch obstacle {
      case .upgradeStripped, .badHandshake, .proxyRefused: .certain
      case .cutInHandshake, .notTLS, .tlsFailed, .certificateNotTrusted, .certificateForOther:
        .doubtful
      // Names that this machine cannot find the proxy may.
      case .noRoute, .portClosed, .notConnected, .nameNotFound: .noConnection
      case .clockNotSet, .proxyAuthentication, .proxyUnusable: .none
      }
    case .timedOut(let step):
      switch step {
      case "welcome": .certain
      case "connect": .noConnection
      default: .doubtful
      }
    case .swallowed: .certain
    case .dropped, .reset, .transportFailed, .gaveUp: .doubtful
    // A broker that has no room or no liking for the device says so in its own codes; others can be
    // those of a box that does not like WebSockets.
    case .closed(let code, _):
      CloseReason(rawValue: code).map { $0.row.sender == .broker } ?? (4000..<5000).contains(code)
        ? .none : .doubtful
    }
  }
}
