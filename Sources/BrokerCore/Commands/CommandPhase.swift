package import DeviceProtocol

/// Where a command is in its life.
///
/// ```
/// queued ──► sent ──► accepted ──► running ──► succeeded | failed
///   │          └────────┴────────────┴───────► rejected | cancelled | expired | unknown
///   └──► expired | cancelled | rejected
/// ```
///
/// From each state before the last it can go to any later one: a device may answer at once that it is
/// done. What the broker concluded for want of news (`unknown`, or `cancelled` after it had been sent)
/// gives way to the device's own word when that comes at last.
package enum CommandPhase: String, CaseIterable, Sendable {
  /// It waits at the broker; the device has not heard of it.
  case queued
  /// It was given to a link; whether it arrived is not known.
  case sent
  /// The device has it in its journal and will start it.
  case accepted
  /// The device carries it out.
  case running
  /// It did what it should.
  case succeeded
  /// It was tried and did not work.
  case failed
  /// It was not tried: it does not fit, or the device's own policy forbids it.
  case rejected
  /// Somebody stopped it.
  case cancelled
  /// Its time was over before it was tried.
  case expired
  /// Nobody knows whether, or how far, it was carried out.
  case unknown

  /// The state that an outcome is.
  package init(_ outcome: CommandOutcome) {
    self =
      switch outcome {
      case .succeeded: .succeeded
      case .failed: .failed
      case .rejected: .rejected
      case .cancelled: .cancelled
      case .expired: .expired
      case .unknown: .unknown
      }
  }

  /// Whether nothing is awaited any more.
  package var isFinal: Bool {
    switch self {
    case .queued, .sent, .accepted, .running: false
    case .succeeded, .failed, .rejected, .cancelled, .expired, .unknown: true
    }
  }

  /// Whether the device may be carrying it out, or may have.
  package var isInFlight: Bool {
    switch self {
    case .sent, .accepted, .running: true
    default: false
    }
  }

  /// How far on it is: a device's answer that says less than is known already is an old one.
  var progress: Int {
    switch self {
    case .queued: 0
    case .sent: 1
    case .accepted: 2
    case .running: 3
    default: 4
    }
  }
}

/// Who brought a command into a state.
package enum CommandActor: Hashable, Sendable, CustomStringConvertible {
  /// The device said so.
  case device
  /// The broker concluded it.
  case broker
  /// Somebody asked for it; who, as far as is known.
  case person(String)

  /// `device`, `broker`, or who it was.
  package var description: String {
    switch self {
    case .device: "device"
    case .broker: "broker"
    case .person(let name): name
    }
  }

  /// Reads what ``description`` wrote.
  package init(_ text: String) {
    self =
      switch text {
      case "device": .device
      case "broker": .broker
      default: .person(text)
      }
  }
}
