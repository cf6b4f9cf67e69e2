import DeviceProtocol
import TelemetryModel

/// A spare link that finds out whether the path lets a connection be silent for so long: it says
/// `probe`, is silent, says `heartbeat`, and lives if that is answered.
///
/// ```
///   connecting ──opened──► asking ──result──► silent ──time──► echoing ──result──► survived
/// ```
struct PathProbe: Sendable {
  enum State: Sendable {
    /// The shell connects.
    case connecting
    /// `probe` is on its way.
    case asking(until: Duration)
    /// Nothing goes either way.
    case silent(until: Duration)
    /// `heartbeat` is on its way.
    case echoing(until: Duration)
  }

  /// What came of it.
  enum Result: Hashable, Sendable {
    /// The link lived.
    case survived
    /// The link was dead behind the silence, or ended within it.
    case cut
    /// Nothing was learnt; the broker does not know `probe` where it is not `isSupported`.
    case inconclusive(isSupported: Bool)
  }

  /// What to do next.
  enum Step: Hashable, Sendable {
    /// Nothing yet.
    case wait
    /// Send this.
    case send(AgentMessage)
    /// It is over; close the connection.
    case done(Result)
  }

  private static let probeID = "probe"
  private static let echoID = "echo"

  let attempt: LinkAttempt
  let silence: Duration
  private let echoTimeout: Duration
  private var state = State.connecting

  init(_ attempt: LinkAttempt, silence: Duration, echoTimeout: Duration) {
    self.attempt = attempt
    self.silence = silence
    self.echoTimeout = echoTimeout
  }

  var deadline: Duration? {
    switch state {
    case .connecting: nil
    case .asking(let until), .silent(let until), .echoing(let until): until
    }
  }

  mutating func opened(at now: Duration) -> Step {
    guard case .connecting = state else { return .wait }
    state = .asking(until: now + echoTimeout)
    return .send(.probe(id: Self.probeID, silenceSeconds: silence.inSeconds))
  }

  mutating func received(_ message: BrokerMessage, at now: Duration) -> Step {
    switch (state, message) {
    case (.asking, .response(Self.probeID, _)):
      state = .silent(until: now + silence)
      return .wait
    case (.asking, .error): return .done(.inconclusive(isSupported: false))
    case (.echoing, .response(Self.echoID, _)): return .done(.survived)
    case (.silent, _), (_, .bye), (_, .error): return .done(.inconclusive(isSupported: true))
    default: return .wait
    }
  }

  mutating func tick(at now: Duration) -> Step {
    guard let deadline, now >= deadline else { return .wait }
    switch state {
    case .connecting: return .wait
    case .asking: return .done(.inconclusive(isSupported: true))
    case .silent:
      state = .echoing(until: now + echoTimeout)
      return .send(.heartbeat(id: Self.echoID, monoSeconds: now.inSeconds))
    case .echoing: return .done(.cut)
    }
  }

  /// The connection ended.
  func ended(_ ending: LinkEnding) -> Result {
    switch state {
    case .connecting, .asking: .inconclusive(isSupported: true)
    case .silent, .echoing: ending.mayBeThePath ? .cut : .inconclusive(isSupported: true)
    }
  }
}
