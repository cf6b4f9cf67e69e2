package import DeviceProtocol
import TelemetryModel

/// The agent's side of the device link: everything that is decided about it.
///
/// ```
///            start             opened          welcome
///   stopped ───────► waiting ─► connecting ─► greeting ─► up
///                       ▲            │            │        │
///                       └────────────┴────────────┴────────┘  any end, after a backoff
/// ```
///
/// Inputs return what to do; time and randomness come in as arguments. The shell calls `tick` at
/// `deadline` and whenever it likes. Belongs to one event loop.
package struct LinkMachine: Sendable {
  /// What the link is told about its agent, and the constants.
  package struct Configuration: Sendable {
    /// The agent program.
    package var agent: Software
    /// Names this boot of the device.
    package var boot: String
    /// Labels from the configuration.
    package var labels: [String: String] = [:]
    /// What the device is.
    package var profile: ProfileSummary?
    /// How messages are carried, for `lastLink`: `ws` or `wss`.
    package var transport: String
    /// Heartbeats, before the broker's wishes.
    package var heartbeat = HeartbeatSchedule.Policy()
    /// Waits between attempts.
    package var backoff = ReconnectBackoff.Policy()
    /// From the upgrade to the broker's welcome, 10 s at most.
    package var welcomeTimeout: Duration = .seconds(10)
    /// How often the spool makes durable what is not yet; nil where it need not.
    package var flushInterval: Duration?
    /// How long a stopping agent waits for what is on its way to be acknowledged, 2 s.
    package var drainTimeout: Duration = .seconds(2)

    /// A configuration with the production constants.
    package init(agent: Software, boot: String, transport: String) {
      self.agent = agent
      self.boot = boot
      self.transport = transport
    }
  }

  enum State: Sendable {
    /// Not started, or over for good.
    case stopped
    /// No connection; the next attempt comes at the moment.
    case waiting(until: Duration)
    /// The shell connects.
    case connecting(since: Duration)
    /// Connected, `hello` is on its way.
    case greeting(since: Duration)
    /// Welcomed; there is a session.
    case up
  }

  let configuration: Configuration
  var state = State.stopped
  /// What there is exactly while the state is `up`.
  var session: LinkSession?
  var spool: any Spool & Sendable
  private var backoff: ReconnectBackoff
  /// The present attempt; events of any other are ignored.
  package private(set) var attempt = LinkAttempt(number: 0)
  var lastEnd: LinkEnd?
  private var stopDeadline: Duration?
  private var nextFlush: Duration?
  var requestCount = 0
  var isWritable = true

  /// The most packs sent in one go; acknowledgements bring the next.
  static let burst = 64

  /// The most that a `telemetry` message adds to its pack, all numbers at their longest.
  static let messageOverheadBytes = 96

  /// A machine that has not started; packs may be appended already.
  package init(configuration: Configuration, spool: any Spool & Sendable) {
    self.configuration = configuration
    self.spool = spool
    backoff = ReconnectBackoff(policy: configuration.backoff)
  }

  /// Whether the broker has welcomed the agent on the present connection.
  package var isUp: Bool { session != nil }

  /// What the spool holds, for people.
  package var ledger: SpoolLedger { spool.ledger }

  /// The moment at which `tick` must be called; nil while only events matter.
  package var deadline: Duration? {
    let moment: Duration?
    switch state {
    case .stopped: return nil
    case .connecting: moment = nil
    case .waiting(let until): moment = until
    case .greeting(let since): moment = since + configuration.welcomeTimeout
    case .up: moment = session?.heartbeat.deadline
    }
    return [moment, stopDeadline, nextFlush].compactMap(\.self).min()
  }

  // MARK: Inputs

  /// Begins to connect, at once.
  package mutating func start(at now: SampleTime) -> [LinkAction] {
    guard case .stopped = state, stopDeadline == nil else { return [] }
    nextFlush = configuration.flushInterval.map { now.monotonic + $0 }
    return connect(at: now.monotonic)
  }

  /// The connection of an attempt is open: says hello.
  package mutating func opened(_ attempt: LinkAttempt, at now: SampleTime) -> [LinkAction] {
    guard attempt == self.attempt, case .connecting = state else { return [] }
    state = .greeting(since: now.monotonic)
    isWritable = true
    requestCount = 0
    return [.send(.hello(id: nextRequestID(), hello(at: now)))]
  }

  /// An attempt or its connection is over.
  package mutating func ended(
    _ attempt: LinkAttempt, _ ending: LinkEnding, at now: SampleTime,
    using generator: inout some RandomNumberGenerator
  ) -> [LinkAction] {
    guard attempt == self.attempt else { return [] }
    return end(ending, at: now.monotonic, using: &generator)
  }

  /// The connection took bytes, or stopped taking them.
  package mutating func writabilityChanged(
    _ isWritable: Bool, at now: SampleTime
  ) -> [LinkAction] {
    self.isWritable = isWritable
    return isWritable ? pump(at: now.monotonic) : []
  }

  /// A new pack: it is stored, and sent where the link is up.
  package mutating func append(_ pack: [UInt8], at now: SampleTime) -> [LinkAction] {
    var actions: [LinkAction] = []
    let inFlight = session?.queue
    do throws(SpoolFailure) {
      let spooled = try spool.append(pack) { inFlight?.isInFlight($0) ?? false }
      for range in spooled.dropped.ranges { declareLost(range, .spoolFull, into: &actions) }
    } catch {
      actions.append(.report(.spoolFailed(error)))
    }
    return actions + pump(at: now.monotonic)
  }

  /// Time has passed.
  package mutating func tick(
    at now: SampleTime, using generator: inout some RandomNumberGenerator
  ) -> [LinkAction] {
    if case .stopped = state { return [] }
    if let stopDeadline, now.monotonic >= stopDeadline { return finish(.normal) }
    return flushIfDue(at: now.monotonic) + advance(at: now, using: &generator)
  }

  private mutating func flushIfDue(at now: Duration) -> [LinkAction] {
    guard let nextFlush, let interval = configuration.flushInterval, now >= nextFlush else {
      return []
    }
    self.nextFlush = now + interval
    do throws(SpoolFailure) {
      try spool.flush(.settled)
      return []
    } catch {
      return [.report(.spoolFailed(error))]
    }
  }

  private mutating func advance(
    at now: SampleTime, using generator: inout some RandomNumberGenerator
  ) -> [LinkAction] {
    switch state {
    case .waiting(let until) where now.monotonic >= until:
      return connect(at: now.monotonic)
    case .greeting(let since) where now.monotonic >= since + configuration.welcomeTimeout:
      return [.close(attempt, .heartbeatLost, detail: "no welcome")]
        + end(.timedOut(step: "welcome"), at: now.monotonic, using: &generator)
    case .up:
      return beat(at: now, using: &generator)
    case .stopped, .waiting, .connecting, .greeting:
      return []
    }
  }

  /// Ends the link for good: what can still be acknowledged is waited for a little, then the
  /// connection is closed with 1000. `finished` comes last.
  package mutating func stop(at now: SampleTime) -> [LinkAction] {
    guard stopDeadline == nil else { return [] }
    guard isUp else { return finish(.normal) }
    stopDeadline = now.monotonic + configuration.drainTimeout
    return pump(at: now.monotonic) + finishIfDrained()
  }

  // MARK: Transitions

  private mutating func connect(at now: Duration) -> [LinkAction] {
    attempt = LinkAttempt(number: attempt.number + 1)
    state = .connecting(since: now)
    return [.connect(attempt)]
  }

  /// Closes the present connection for a reason of this side and plans the next.
  mutating func giveUp(
    _ reason: CloseReason, _ detail: String, at now: Duration,
    using generator: inout some RandomNumberGenerator
  ) -> [LinkAction] {
    [.close(attempt, reason, detail: detail)]
      + end(.gaveUp(reason), at: now, using: &generator)
  }

  private mutating func end(
    _ ending: LinkEnding, at now: Duration, using generator: inout some RandomNumberGenerator
  ) -> [LinkAction] {
    let began: Duration
    switch state {
    case .stopped, .waiting: return []
    case .connecting(let since), .greeting(let since): began = since
    case .up: began = session?.since ?? now
    }
    let session = self.session
    self.session = nil
    let idle = session.map { now - $0.lastHeard }
    var end = LinkEnd(
      cause: ending.cause(idle: idle), livedSeconds: (now - began).inSeconds,
      idleSeconds: idle?.inSeconds, transport: configuration.transport)
    if case .closed(let code, _) = ending { end.closeCode = Int(code) }
    // Attempts that never became a link must not hide how the last link ended.
    if session != nil || lastEnd == nil { lastEnd = end }
    // The next connection must not be mistaken for this one by what is still to come from it.
    attempt = LinkAttempt(number: attempt.number + 1)
    if stopDeadline != nil {
      return [.report(.down(end, ending: ending, retryAfter: nil))] + finish(nil)
    }
    let asked = session?.farewell?.reconnectAfter.map(ReconnectBackoff.Cause.askedToWait)
    let delay = backoff.delay(
      after: asked ?? ending.backoffCause, acknowledgedFor: session?.acknowledgedFor,
      using: &generator)
    state = .waiting(until: now + delay)
    return [.report(.down(end, ending: ending, retryAfter: delay))]
  }

  /// Over for good; with a reason, the connection is closed.
  mutating func finish(_ reason: CloseReason?) -> [LinkAction] {
    var actions: [LinkAction] = []
    switch state {
    case .connecting, .greeting, .up:
      if let reason { actions.append(.close(attempt, reason, detail: "")) }
    case .stopped, .waiting: break
    }
    do throws(SpoolFailure) {
      try spool.flush(.everything)
    } catch {
      actions.append(.report(.spoolFailed(error)))
    }
    attempt = LinkAttempt(number: attempt.number + 1)
    session = nil
    state = .stopped
    // Set for good, so that a late `start` does nothing.
    stopDeadline = .zero
    return actions + [.finished]
  }

  var isStopping: Bool { stopDeadline != nil }

  private func hello(at now: SampleTime) -> Hello {
    Hello(
      agent: configuration.agent, boot: configuration.boot, epoch: spool.epoch,
      acked: spool.ledger.acknowledged,
      clock: ClockReport(
        wall: now.wall, monoSeconds: now.monotonic.inSeconds, synced: now.isClockPlausible),
      profile: configuration.profile, labels: configuration.labels, lastLink: lastEnd)
  }

  mutating func nextRequestID() -> String {
    requestCount += 1
    return String(requestCount)
  }
}
