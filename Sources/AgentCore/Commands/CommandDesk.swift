import DeviceProtocol
import TelemetryModel

/// Decides about every command that comes to this device: whether it is done, when, and what is said.
///
/// ```
///            checked, journalled          its turn, journalled            journalled
///   arrived ────────────────────► waiting ───────────────────► running ─────────────► finished
///      │                             │ cancelled, expired         │ its work ended,        │
///      │ does not fit, forbidden,    └──────────► finished        │ or could not be        │ told until
///      │ too late: never begun                                    │ stopped                ▼ confirmed
///      └──► rejected, expired                                     ▼                    remembered
///                                          crash: unknown, or again where that is harmless
/// ```
///
/// That a command is about to run is on the disk before it runs; that it ran is on the disk before
/// the broker is told. So whatever dies whenever, its work is done at most once, unless its profile
/// says that twice is as good as once.
///
/// Commands begin in the order in which they came, so many at a time as the profile allows. One that
/// ends the agent or the machine runs alone. Inputs return what to do; the time comes in as an
/// argument. Belongs to the link machine.
package struct CommandDesk: Sendable {
  /// What the desk is told about its device, and the constants.
  package struct Configuration: Sendable {
    /// Names this boot of the device.
    package var boot: String
    /// The commands of the profile.
    package var commands: [CommandSpec] = []
    /// How many run at a time.
    package var atOnce = 1
    /// What the owner allows.
    package var policy = CommandPolicy()
    /// How often work is begun, at most, that each time ended with the agent: 3.
    package var maxStarts = 3
    /// How long work may take to stop when told to, before it is given up, 10 s.
    package var stopPatience: Duration = .seconds(10)
    /// The distance between two pieces of news of one command, 500 ms.
    package var newsInterval: Duration = .milliseconds(500)
    /// The longest parameters, as JSON, 16 KiB.
    package var maxParamsBytes = 16 * 1024
    /// How long the cancellation of a command that never came is remembered, 1 day.
    package var cancelMemory: Duration = .seconds(86_400)

    /// A device without commands.
    package init(boot: String) {
      self.boot = boot
    }

    func spec(_ name: String) -> CommandSpec? { commands.first { $0.name == name } }
  }

  /// The moment of an input: on this device's monotonic clock and, where it is known, on the
  /// broker's. The device's own time of day is nowhere asked for.
  struct Moment: Hashable, Sendable {
    var monotonic: Duration
    var broker: Timestamp?
  }

  let configuration: Configuration
  var journal: CommandJournal
  /// Commands that wait, in the order in which they begin.
  var queue: [String] = []
  /// Work in hand.
  var running: [String: RunningCommand] = [:]
  /// No work is begun any more: the agent ends.
  var isClosed = false
  /// How much of what the journal found is dealt with.
  var settledRecoveries = 0
  var toldFailure: SpoolFailure?

  /// A desk with what its journal knows.
  package init(_ configuration: Configuration, journal: CommandJournal = CommandJournal()) {
    self.configuration = configuration
    self.journal = journal
  }

  /// Commands whose results the broker does not know, oldest first.
  var unconfirmed: [String] { journal.openIDs.filter { journal[$0]?.result != nil } }

  /// Whether work is in hand that does not itself end the agent.
  var isBusy: Bool { running.values.contains { $0.ending == .nothing } }

  /// The moment at which `tick` must be called; nil while only events matter.
  var deadline: Duration? {
    var moments = running.values.compactMap(\.deadline)
    // Those of another boot wait for the broker's word.
    if !configuration.boot.isEmpty {
      moments += queue.compactMap { journal[$0] }.filter { $0.boot == configuration.boot }
        .map(\.deadline)
    }
    return moments.min()
  }

  // MARK: Inputs

  /// The agent has begun: what the agent before it left behind is settled.
  mutating func start(at now: Moment) -> [CommandStep] {
    let damage: [CommandStep] = journal.isDamaged ? [.report(.journalDamaged)] : []
    return damage + tellFailure() + settle(at: now)
  }

  /// The broker wants a command done.
  mutating func received(
    _ request: CommandRequest, at now: Moment
  ) -> (answer: CommandState, steps: [CommandStep]) {
    journal.retry()
    let settled = settle(at: now)
    if let known = journal[request.command] { return (answer(known), settled) }
    if let state = refusal(of: request, at: now) {
      let report = CommandReport.refused(request.command, name: request.name, state)
      return (state, settled + [.report(report)] + tellFailure())
    }
    let params: JSONObject
    do throws(CommandFault) {
      guard let spec = configuration.spec(request.name) else { throw CommandFault("unknown") }
      params = try spec.declaration.check(request.params)
    } catch {
      let state = CommandState(state: .rejected, reason: error.description)
      let report = CommandReport.refused(request.command, name: request.name, state)
      return (state, settled + [.report(report)])
    }
    let record = CommandRecord(
      id: request.command, name: request.name, params: params, expires: request.expires,
      boot: configuration.boot, deadline: deadline(of: request, at: now))
    let (state, steps) = take(record, at: now)
    return (state, settled + steps)
  }

  /// The broker wants a command stopped, whether it came, comes, runs or is over.
  mutating func cancelled(
    _ id: String, at now: Moment
  ) -> (answer: CommandState, steps: [CommandStep]) {
    journal.retry()
    var steps = settle(at: now)
    guard let record = journal[id] else {
      // It may be on its way still, and must not be done when it comes.
      var record = CommandRecord(
        id: id, name: "", params: JSONObject(),
        expires: now.broker.map { $0 + configuration.cancelMemory } ?? .distantPast,
        boot: configuration.boot, deadline: now.monotonic + configuration.cancelMemory)
      let result = CommandResult(.cancelled, reason: "cancelled before it came")
      record.phase = .finished(result)
      forgetOld(at: now)
      // Cancellations alone must not fill what is for commands.
      let isRemembered = journal.hasRoom && journal.unnamedCount < journal.limits.maxOpen
      if isRemembered { journal.note([record.confirmed], durably: true) }
      return (result.state, steps + [.report(.cancelled(id))] + tellFailure())
    }
    switch record.phase {
    case .finished: return (answer(record), steps)
    case .waiting:
      steps.append(.report(.cancelled(id)))
      steps += leaveOut(record, CommandResult(.cancelled, reason: "cancelled before it began"))
      steps += begin(at: now)
    case .running:
      steps.append(.report(.cancelled(id)))
      steps += stop(id, because: .cancelled, at: now)
    }
    return (journal[id].map(answer) ?? CommandState(state: .accepted), steps)
  }

  /// The work of a command has news.
  mutating func progressed(
    _ id: String, percent: Double?, text: String?, output: ArraySlice<UInt8>, at now: Moment
  ) -> [CommandStep] {
    running[id]?.news.add(percent: percent, text: text, output: output)
    return tellNews(of: id, at: now.monotonic)
  }

  /// The work of a command is over, or was stopped.
  mutating func ended(_ id: String, _ result: CommandResult, at now: Moment) -> [CommandStep] {
    // Given up before: its slot and its result are settled.
    guard let work = running[id] else { return [] }
    return finish(id, work.judge(result)) + begin(at: now)
  }

  /// The broker has the result of a command.
  mutating func confirmed(_ id: String) {
    guard let record = journal[id], record.result != nil, !record.isConfirmed else { return }
    // Not worth a sync: forgotten, it is told again.
    journal.note([record.confirmed], durably: false)
  }

  /// Time has passed, or the broker's time has become known.
  mutating func tick(at now: Moment) -> [CommandStep] {
    var steps: [CommandStep] = []
    for id in running.keys.sorted() {
      guard let work = running[id] else { continue }
      if let until = work.stop?.until, now.monotonic >= until {
        steps += finish(id, work.givenUp)
      } else if work.stop == nil, let due = work.timeout, now.monotonic >= due {
        steps += stop(id, because: .tooLong(work.allowed), at: now)
      }
      steps += tellNews(of: id, at: now.monotonic)
    }
    return steps + begin(at: now)
  }

  /// The agent is about to end: nothing is begun any more, and what runs is stopped.
  mutating func close(at now: Moment) -> [CommandStep] {
    isClosed = true
    return running.keys.sorted().flatMap { id in
      running[id]?.ending == .nothing ? stop(id, because: .agentEnds, at: now) : []
    }
  }
}
