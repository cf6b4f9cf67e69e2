import DeviceProtocol
import TelemetryModel

/// The agent's side of the device link: everything that is decided about it.
///
/// ```
///            start                          welcome
///   stopped ───────► waiting ──► linking ───────────► up
///                       ▲           │                 │
///                       └───────────┴─────────────────┘  any end, after a backoff
/// ```
///
/// Each attempt to be linked is an `AttemptMachine`. Usually there is one, the link. Beside it there
/// can be its successor, which takes over before the path cuts the link or because it goes a better
/// way; the link that was taken over from, readable for a moment; and a spare one that finds out how
/// long the path lets a connection be silent (`PathProbe`).
///
/// Inputs return what to do; time and randomness come in as arguments. The shell calls `tick` at
/// `deadline` and whenever it likes. Belongs to one event loop.
package struct LinkMachine: Sendable {
  enum Phase: Sendable {
    /// Not started, or over for good.
    case stopped
    /// No connection; the next attempt comes at the moment.
    case waiting(until: Duration)
    /// There is a link, in whatever state.
    case linking
  }

  /// Whose event it is.
  enum Role: Hashable, Sendable {
    case link, successor, retiring, spare
  }

  let configuration: Configuration
  var phase = Phase.stopped
  var link: AttemptMachine?
  var successor: AttemptMachine?
  /// The link that was taken over from, and when it is closed at the latest.
  var retiring: (machine: AttemptMachine, until: Duration)?
  var spare: PathProbe?
  /// What there is exactly while the link is up.
  var queue: SendQueue?
  var spool: any Spool & Sendable
  var backoff: ReconnectBackoff
  var ladder: TransportLadder
  var path: PathKey
  /// What is remembered; the shell keeps it when told to.
  package internal(set) var memory: AgentMemory
  /// What is known of the time of day.
  package internal(set) var clock: AgentClock
  var packClock: PackClock
  var trials = TrialSchedule()
  /// How the link before ended, until the broker knows.
  var lastEnd: LinkEnd?
  /// What the path's memory becomes if the next attempt shows that the path had cut the link.
  var suspicion: PathRecord?
  /// The link is to be closed, so that packs of another epoch can go, when nothing is on its way or
  /// at the moment.
  var epochChange: Duration?
  var stopDeadline: Duration?
  var nextFlush: Duration?
  /// What the shell keeps, as far as it was told.
  var kept: AgentMemory
  var nextKeep = Duration.zero
  var wear = WearReport()
  /// What is decided about commands.
  var desk: CommandDesk
  /// Their results on the way to the broker.
  var results = ResultDelivery()
  private var attemptCount = 0

  /// The most packs sent in one go; acknowledgements bring the next.
  static let burst = 64

  /// The most that a `telemetry` message adds to its pack, all numbers at their longest.
  static let messageOverheadBytes = 128

  /// A machine that has not started; packs may be appended already.
  /// - Parameters:
  ///   - configuration: what the agent is, and the constants.
  ///   - spool: where packs wait.
  ///   - memory: what was remembered from the agent's life before.
  ///   - commands: what may be done on the broker's behalf; nothing where it is nil.
  package init(
    configuration: Configuration, spool: any Spool & Sendable, memory: AgentMemory = AgentMemory(),
    commands: CommandDesk? = nil
  ) {
    self.configuration = configuration
    self.spool = spool
    self.memory = memory
    kept = memory
    path = configuration.path
    backoff = ReconnectBackoff(policy: configuration.backoff)
    ladder = TransportLadder(configuration.rungs, winner: memory.paths[configuration.path].rung)
    clock = AgentClock(
      lastKnown: memory.brokerTime, builtAt: configuration.builtAt)
    packClock = PackClock(boot: configuration.boot)
    desk = commands ?? CommandDesk(CommandDesk.Configuration(boot: configuration.boot))
  }

  /// The attempt whose connection is the link, or the one that ended last.
  package var attempt: LinkAttempt { link?.attempt ?? LinkAttempt(number: attemptCount) }

  /// Whether the broker has welcomed the agent on the present link.
  package var isUp: Bool { link?.isUp ?? false }

  /// What the spool holds, for people.
  package var ledger: SpoolLedger { spool.ledger }

  /// What is known of the present path.
  package internal(set) var record: PathRecord {
    get { memory.paths[path] }
    set { memory.paths[path] = newValue }
  }

  // MARK: Inputs

  /// Begins to connect, at once.
  package mutating func start(at now: SampleTime) -> [LinkAction] {
    guard case .stopped = phase, stopDeadline == nil else { return [] }
    nextFlush = configuration.flushInterval.map { now.monotonic + $0 }
    wear.start(spool.wear, at: now.monotonic)
    return startCommands(at: now) + connect(at: now.monotonic)
  }

  /// Packets to the broker leave another way, or the proxy is another. Counts from the next attempt
  /// on; what is linked stays so as long as it works.
  package mutating func pathFound(_ path: PathKey) {
    guard path != self.path else { return }
    self.path = path
    suspicion = nil
    trials = TrialSchedule()
    ladder = TransportLadder(configuration.rungs, winner: record.rung)
  }

  /// The connection of an attempt is open: says hello.
  package mutating func opened(_ attempt: LinkAttempt, at now: SampleTime) -> [LinkAction] {
    switch role(of: attempt) {
    case .link:
      guard let id = link?.opened(at: now.monotonic) else { return [] }
      return [.send(.hello(id: id, hello(at: now)), on: attempt)]
    case .successor:
      guard let id = successor?.opened(at: now.monotonic) else { return [] }
      var hello = hello(at: now)
      hello.resume = link?.welcome?.session
      return [.send(.hello(id: id, hello), on: attempt)]
    case .spare:
      guard case .send(let message)? = spare?.opened(at: now.monotonic) else { return [] }
      return [.send(message, on: attempt)]
    case .retiring, nil: return []
    }
  }

  /// An attempt or its connection is over.
  package mutating func ended(
    _ attempt: LinkAttempt, _ ending: LinkEnding, at now: SampleTime,
    using generator: inout some RandomNumberGenerator
  ) -> [LinkAction] {
    switch role(of: attempt) {
    case .link: return endLink(ending, at: now, using: &generator)
    case .successor: return successorFailed(ending, at: now.monotonic, using: &generator)
    case .retiring: return retired(at: now)
    case .spare:
      guard let result = spare?.ended(ending) else { return [] }
      return probeDone(result, at: now, using: &generator)
    case nil: return []
    }
  }

  /// A connection took bytes, or stopped taking them.
  package mutating func writabilityChanged(
    _ isWritable: Bool, on attempt: LinkAttempt, at now: SampleTime
  ) -> [LinkAction] {
    switch role(of: attempt) {
    case .link:
      link?.isWritable = isWritable
      return isWritable ? pump(at: now) : []
    case .successor:
      successor?.isWritable = isWritable
      return []
    case .retiring, .spare, nil: return []
    }
  }

  /// Something came over a connection that is no message: the broker is alive.
  package mutating func heard(_ attempt: LinkAttempt, at now: Duration) {
    switch role(of: attempt) {
    case .link:
      link?.heard(at: now)
      guard link?.rung.isWebSocket == false else { return }
      // An answer to a request: both directions were used, and the broker knows the session.
      link?.flushed(at: now)
      link?.lastConfirmed = now
    case .successor, .retiring, .spare, nil: break
    }
  }

  /// Ends the link for good: what can still be acknowledged is waited for a little, then the
  /// connection is closed with 1000. `finished` comes last.
  package mutating func stop(at now: SampleTime) -> [LinkAction] {
    guard stopDeadline == nil else { return [] }
    guard isUp else { return finish(.normal) }
    stopDeadline = now.monotonic + configuration.drainTimeout
    let others = closeOthers(.normal)
    return others + closeCommands(at: now) + pump(at: now) + finishIfDrained()
  }

  // MARK: Parts

  func role(of attempt: LinkAttempt) -> Role? {
    if link?.attempt == attempt { return .link }
    if successor?.attempt == attempt { return .successor }
    if retiring?.machine.attempt == attempt { return .retiring }
    return spare?.attempt == attempt ? .spare : nil
  }

  mutating func nextAttempt() -> LinkAttempt {
    attemptCount += 1
    return LinkAttempt(number: attemptCount)
  }

  mutating func connect(at now: Duration) -> [LinkAction] {
    let attempt = nextAttempt()
    // Each round through the ways is a little more patient: the path may just be slow.
    let patience = configuration.echoTimeout * (1 << min(ladder.rounds, 10))
    link = AttemptMachine(
      attempt, ladder.rung,
      welcomeTimeout: ladder.isKnownGood
        ? configuration.welcomeTimeout : min(patience, configuration.welcomeTimeout),
      at: now)
    phase = .linking
    return [.connect(attempt, ladder.rung)]
  }

  func hello(at now: SampleTime) -> Hello {
    var hello = Hello(
      agent: configuration.agent, boot: configuration.boot, epoch: spool.epoch,
      acked: spool.ledger.acknowledged,
      clock: ClockReport(
        wall: clock.wall(at: now), monoSeconds: now.monotonic.inSeconds,
        synced: clock.isPlausible(now.wall)),
      profile: configuration.profile, labels: configuration.labels, lastLink: lastEnd)
    let interval = record.interval(configuration.paths)
    hello.path = record.report(network: path.network, interval: interval)
    return hello
  }

  var isStopping: Bool { stopDeadline != nil }
}
