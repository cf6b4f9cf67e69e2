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
}
