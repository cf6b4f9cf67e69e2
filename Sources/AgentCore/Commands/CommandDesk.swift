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
  private(set) var journal: CommandJournal
  /// Commands that wait, in the order in which they begin.
  private(set) var queue: [String] = []
  /// Work in hand.
  private(set) var running: [String: RunningCommand] = [:]
  /// No work is begun any more: the agent ends.
  private var isClosed = false
  /// How much of what the journal found is dealt with.
  private var settledRecoveries = 0
  private var toldFailure: SpoolFailure?

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

  // MARK: Arrival

  /// The answer to a request for a command that is known.
  private func answer(_ record: CommandRecord) -> CommandState {
    switch record.phase {
    case .waiting: CommandState(state: .accepted)
    case .running: CommandState(state: .running)
    case .finished(let result): result.state
    }
  }

  /// Why a command that is not known yet is not even considered.
  private mutating func refusal(of request: CommandRequest, at now: Moment) -> CommandState? {
    func rejected(_ reason: String) -> CommandState {
      CommandState(state: .rejected, reason: reason)
    }
    guard let spec = configuration.spec(request.name) else {
      return rejected("this device has no command \(request.name)")
    }
    if let reason = configuration.policy.refusal(of: spec.declaration) { return rejected(reason) }
    guard JSONValue.object(request.params).json.count <= configuration.maxParamsBytes else {
      return rejected("the parameters are longer than \(configuration.maxParamsBytes) bytes")
    }
    // With a journal the next agent does it.
    if isClosed, !journal.isDurable { return rejected("the agent is stopping") }
    if now.monotonic >= deadline(of: request, at: now) {
      return CommandState(state: .finished, outcome: .expired, reason: "it came too late")
    }
    // An earlier attempt may have been begun by an agent of which nothing is left.
    if request.attempt > 1, !spec.declaration.idempotent, !journal.isDurable || journal.isDamaged {
      return CommandState(
        state: .finished, outcome: .unknown,
        reason: journal.isDurable
          ? "the device's journal was damaged; an earlier attempt may have been carried out"
          : "the device keeps no journal; an earlier attempt may have been carried out")
    }
    forgetOld(at: now)
    return journal.hasRoom ? nil : rejected("too many commands wait or are remembered")
  }

  /// When a command must not be begun any more. Of the broker's two words the earlier counts: the
  /// span was right when it was sent, and the time of day knows how long the message took.
  private func deadline(of request: CommandRequest, at now: Moment) -> Duration {
    let span = request.remainingSeconds.map { now.monotonic + .fromSeconds($0) }
    let moment = now.broker.map { now.monotonic + (request.expires - $0) }
    // A broker that says neither has not even said hello properly: nothing is known to be in time.
    return [span, moment].compactMap(\.self).min() ?? now.monotonic
  }

  private mutating func take(
    _ record: CommandRecord, at now: Moment
  ) -> (answer: CommandState, steps: [CommandStep]) {
    var record = record
    let isNext = queue.isEmpty && canBegin(record)
    if isNext {
      record.phase = .running
      record.starts = 1
    }
    do throws(SpoolFailure) {
      try journal.write([record])
    } catch {
      let state = CommandState(
        state: .rejected, reason: "the device cannot keep its journal: \(error)")
      return (state, [.report(.refused(record.id, name: record.name, state))] + tellFailure())
    }
    guard isNext else {
      queue.append(record.id)
      return (CommandState(state: .accepted), begin(at: now))
    }
    return (CommandState(state: .running), run(record, at: now.monotonic) + tellFailure())
  }

  // MARK: Work

  private func canBegin(_ record: CommandRecord) -> Bool {
    guard !isClosed, running.count < configuration.atOnce else { return false }
    // What ends the agent would end the others as well.
    if running.values.contains(where: { $0.ending != .nothing }) { return false }
    return configuration.spec(record.name)?.ending ?? .nothing == .nothing || running.isEmpty
  }

  /// Begins what may begin.
  private mutating func begin(at now: Moment) -> [CommandStep] {
    var steps: [CommandStep] = []
    for id in queue {
      guard let record = journal[id] else { continue }
      guard let isDue = isExpired(record, at: now) else { break }
      if isDue {
        steps += leaveOut(
          record, CommandResult(.expired, reason: "its time was over before its turn"))
      }
    }
    while let id = queue.first, let record = journal[id], isExpired(record, at: now) != nil,
      canBegin(record)
    {
      var begun = record
      begun.phase = .running
      begun.starts += 1
      do throws(SpoolFailure) {
        try journal.write([begun])
      } catch {
        // It is on the disk as waiting, and the disk must not say so once it was begun.
        let reason = "the device cannot keep its journal: \(error)"
        steps += leaveOut(record, CommandResult(.failed, reason: reason))
        continue
      }
      queue.removeFirst()
      steps += run(begun, at: now.monotonic)
    }
    return steps + tellFailure()
  }

  private mutating func run(_ record: CommandRecord, at now: Duration) -> [CommandStep] {
    guard let spec = configuration.spec(record.name) else { return [] }
    running[record.id] = RunningCommand(
      ending: spec.ending, allowed: spec.timeout, began: now,
      newsInterval: configuration.newsInterval)
    return [
      .report(.began(record.id, name: record.name, start: record.starts)),
      .run(CommandJob(id: record.id, name: record.name, params: record.params)),
    ]
  }

  private mutating func stop(
    _ id: String, because reason: RunningCommand.StopReason, at now: Moment
  ) -> [CommandStep] {
    guard running[id]?.stop == nil else { return [] }
    running[id]?.stop = (reason, now.monotonic + configuration.stopPatience)
    return [.stop(id)]
  }

  private mutating func finish(_ id: String, _ result: CommandResult) -> [CommandStep] {
    guard var record = journal[id], record.result == nil else { return [] }
    var work = running.removeValue(forKey: id)
    let last = work?.news.last(of: id)
    queue.removeAll { $0 == id }
    let result = result.bounded
    record.phase = .finished(result)
    journal.note([record], durably: true)
    return (last.map { [.progress($0)] } ?? [])
      + [.report(.ended(id, name: record.name, result))] + tellFailure()
  }

  /// A command that waits is not done. Where it was begun by an agent before, nobody can say that
  /// nothing happened.
  private mutating func leaveOut(
    _ record: CommandRecord, _ result: CommandResult
  ) -> [CommandStep] {
    guard record.starts > 0 else { return finish(record.id, result) }
    let reason = "the agent ended while it ran, and it was not begun again"
    return finish(record.id, CommandResult(.unknown, reason: reason))
  }

  private mutating func tellNews(of id: String, at now: Duration) -> [CommandStep] {
    running[id]?.news.take(of: id, at: now).map { [.progress($0)] } ?? []
  }

  // MARK: The journal

  /// Settles what an agent before this one left behind.
  private mutating func settle(at now: Moment) -> [CommandStep] {
    guard settledRecoveries < journal.recoveries else { return [] }
    settledRecoveries = journal.recoveries
    var steps: [CommandStep] = []
    for id in journal.openIDs where running[id] == nil && !queue.contains(id) {
      guard var record = journal[id], record.result == nil else { continue }
      if record.phase == .running {
        if let result = verdict(on: record) {
          steps += finish(record.id, result)
          continue
        }
        record.phase = .waiting
        journal.note([record], durably: false)
      }
      if let refusal = presentRefusal(of: record) {
        steps += leaveOut(record, CommandResult(.rejected, reason: refusal))
      } else {
        queue.append(record.id)
      }
    }
    return steps + begin(at: now)
  }

  /// Why a command that an agent before this one took is refused now: the profile or the owner's
  /// will is another.
  private func presentRefusal(of record: CommandRecord) -> String? {
    guard let spec = configuration.spec(record.name) else {
      return "this device has no command \(record.name) any more"
    }
    if let reason = configuration.policy.refusal(of: spec.declaration) { return reason }
    do throws(CommandFault) {
      _ = try spec.declaration.check(record.params)
      return nil
    } catch {
      return error.description
    }
  }

  /// What is to be said of a command in whose midst the agent ended; nil where it is done again.
  private func verdict(on record: CommandRecord) -> CommandResult? {
    let spec = configuration.spec(record.name)
    switch spec?.ending {
    case .agent: return CommandResult(.succeeded, reason: "the agent was started anew")
    case .boot where record.boot != configuration.boot && !configuration.boot.isEmpty:
      return CommandResult(.succeeded, reason: "the machine was started anew")
    case .nothing, .boot, nil: break
    }
    guard spec?.declaration.idempotent == true else {
      return CommandResult(.unknown, reason: "the agent ended while it ran")
    }
    guard record.starts < configuration.maxStarts else {
      return CommandResult(
        .unknown, reason: "the agent ended each of the \(record.starts) times that it ran")
    }
    return nil
  }

  /// Whether a command must not be begun any more; nil while nobody knows, because the machine was
  /// started anew and no broker has told the time since.
  private func isExpired(_ record: CommandRecord, at now: Moment) -> Bool? {
    Self.isExpired(record, boot: configuration.boot, at: now)
  }

  private static func isExpired(
    _ record: CommandRecord, boot: String, at now: Moment
  ) -> Bool? {
    if record.boot == boot, !boot.isEmpty { return now.monotonic >= record.deadline }
    return now.broker.map { $0 >= record.expires }
  }

  /// Makes room: a repetition of these would be refused as too late.
  private mutating func forgetOld(at now: Moment) {
    let boot = configuration.boot
    journal.forget { Self.isExpired($0, boot: boot, at: now) ?? false }
  }

  private mutating func tellFailure() -> [CommandStep] {
    guard journal.failure != toldFailure else { return [] }
    toldFailure = journal.failure
    return journal.failure.map { [.report(.journalFailed($0))] } ?? []
  }
}
