extension LinkEndCause {
  /// Why a device is offline, for people: goes on from "offline for 5 min: ". The one table for the
  /// dashboard and the command line.
  package var words: String {
    switch self {
    case .closedByDevice: "closed by the device"
    case .dropped: "connection lost"
    case .silent: "fell silent"
    case .replaced: "replaced by a newer link"
    case .handedOver: "moved to another link, then lost"
    case .revoked: "removed by an operator"
    case .protocolError: "broke the protocol"
    case .rateLimited: "sent more than it may"
    case .overloaded: "broker overloaded"
    case .brokerStopped: "broker stopped"
    case .internalError: "broker failed"
    case .brokerStarted: "not back since the broker restarted"
    }
  }

  /// The same for the words with which agents say what they saw; other agents may have others.
  package static let wordsOfAgents: [String: String] = [
    "idle-cut": "cut by something on the way after a silence",
    "lifetime-cut": "cut by something on the way after a time",
    "reset": "connection reset",
    "transport-failed": "connection failed",
    "frames-swallowed": "messages were swallowed on the way",
    "dns": "the broker's name was not found",
    "no-route": "no route to the broker",
    "port-closed": "nothing listened at the broker's port",
    "not-connected": "no connection",
    "tls-intercepted": "the certificate was not trusted",
    "clock-not-set": "the device's clock was not set, so no certificate could be checked",
    "tls-other-name": "the certificate was for another name",
    "no-tls": "what answered does not speak TLS",
    "tls-failed": "TLS failed",
    "proxy-407": "the proxy wants other credentials",
    "proxy-refused": "the proxy gave no tunnel",
    "proxy-unusable": "the proxy could not be used",
    "upgrade-stripped": "the upgrade to WebSocket was lost on the way",
    "bad-handshake": "the answer to the upgrade made no sense",
    "cut-in-handshake": "cut while it was asked for",
  ]
}
