extension LinkEndCause {
  /// Why a device is offline, for people: goes on from "offline for 5 min: ". The one table for the
  /// dashboard and the command line.
  package var words: String {
    switch self {
    case .closedByDevice: "the device closed its link"
    case .dropped: "the connection broke off"
    case .silent: "it fell silent"
    case .replaced: "a newer link took its place"
    case .handedOver: "its link moved and did not come back"
    case .revoked: "an operator removed it"
    case .protocolError: "it broke the protocol"
    case .rateLimited: "it sent more than it may"
    case .overloaded: "the broker was overloaded"
    case .brokerStopped: "the broker was stopped"
    case .internalError: "the broker failed"
    case .brokerStarted: "not back since the broker restarted"
    }
  }
}
