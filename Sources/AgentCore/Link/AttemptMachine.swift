import DeviceProtocol
import TelemetryModel

/// One attempt to be linked, from connecting to its end: hello, welcome, signs of life.
///
/// ```
///   connecting ──opened──► greeting ──welcome──► up
/// ```
///
/// It knows nothing of other attempts, of packs and of what follows on its end; that is the
/// `LinkMachine`'s.
struct AttemptMachine: Sendable {
  enum State: Sendable {
    /// The shell connects.
    case connecting
    /// Connected, `hello` is on its way.
    case greeting(since: Duration)
    /// Welcomed; there is a session.
    case up(Welcome, since: Duration)
  }

  /// What is to be done about an attempt because time has passed.
  enum Due: Sendable {
    case nothing
    /// Send a heartbeat with this id.
    case heartbeat(id: String)
    /// No welcome came.
    case notWelcomed
    /// The broker is silent.
    case dead
  }

  let attempt: LinkAttempt
  var rung: TransportRung
  let began: Duration
  private(set) var state = State.connecting
  private(set) var heartbeat: HeartbeatSchedule?
  private let welcomeTimeout: Duration
  /// The id of the heartbeat that waits for its answer, and when it was sent.
  private var beat: (id: String, at: Duration)?
  private var requestCount = 0
  var isWritable = true
  /// The last sign that the broker works on what it is sent: an ack or a heartbeat's answer.
  var lastConfirmed: Duration?
  /// What the broker said before it closes.
  var farewell: Bye?

  init(_ attempt: LinkAttempt, _ rung: TransportRung, welcomeTimeout: Duration, at now: Duration) {
    self.attempt = attempt
    self.rung = rung
    self.welcomeTimeout = welcomeTimeout
    began = now
  }

  var welcome: Welcome? {
    guard case .up(let welcome, _) = state else { return nil }
    return welcome
  }

  var isUp: Bool { welcome != nil }

  /// How long the link did what it is for.
  var acknowledgedFor: Duration? {
    guard case .up(_, let since) = state else { return nil }
    return lastConfirmed.map { $0 - since }
  }

  /// The moment at which `due` must be asked; nil while only events matter.
  var deadline: Duration? {
    switch state {
    case .connecting: nil
    case .greeting(let since): since + welcomeTimeout
    case .up: heartbeat?.deadline
    }
  }

  /// The connection is open.
  /// - Returns: the id for the first request; nil where it was open before.
  mutating func opened(at now: Duration) -> String? {
    guard case .connecting = state else { return nil }
    state = .greeting(since: now)
    return nextRequestID()
  }

  mutating func nextRequestID() -> String {
    requestCount += 1
    return String(requestCount)
  }

  /// The broker's welcome came.
  mutating func welcomed(
    _ welcome: Welcome, _ policy: HeartbeatSchedule.Policy, at now: Duration,
    using generator: inout some RandomNumberGenerator
  ) {
    state = .up(welcome, since: now)
    heartbeat = HeartbeatSchedule(policy: policy, now: now, using: &generator)
  }

  /// More is known of the path: the present link beats by it from now on.
  mutating func adopt(_ policy: HeartbeatSchedule.Policy) {
    heartbeat?.adopt(policy)
  }

  /// Any bytes came.
  mutating func heard(at now: Duration) {
    heartbeat?.received(at: now)
  }

  /// Bytes left.
  mutating func flushed(at now: Duration) {
    heartbeat?.flushed(at: now)
  }

  /// Takes the answer to the heartbeat that is waited for.
  /// - Returns: the silence that the link survived by it, and how long the answer took; nil where
  ///   the id is of no heartbeat that is waited for.
  mutating func answered(_ id: String, at now: Duration) -> (silence: Duration, took: Duration)? {
    guard let beat, beat.id == id else { return nil }
    self.beat = nil
    lastConfirmed = now
    let silence = heartbeat?.answered(at: now) ?? .zero
    return (silence, now - beat.at)
  }

  mutating func due(
    at now: Duration, using generator: inout some RandomNumberGenerator
  ) -> Due {
    switch state {
    case .connecting: return .nothing
    case .greeting(let since): return now >= since + welcomeTimeout ? .notWelcomed : .nothing
    case .up:
      switch heartbeat?.action(at: now, using: &generator) {
      case .beat:
        let id = nextRequestID()
        beat = (id, now)
        return .heartbeat(id: id)
      case .dead: return .dead
      case .wait, nil: return .nothing
      }
    }
  }
}
