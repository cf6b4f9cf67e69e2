import DeviceProtocol
import TelemetryModel

// Whether a command that comes is taken, and what is answered.
extension CommandDesk {
  /// The answer to a request for a command that is known.
  func answer(_ record: CommandRecord) -> CommandState {
    switch record.phase {
    case .waiting: CommandState(state: .accepted)
    case .running: CommandState(state: .running)
    case .finished(let result): result.state
    }
  }

  /// Why a command that is not known yet is not even considered.
  mutating func refusal(of request: CommandRequest, at now: Moment) -> CommandState? {
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
  func deadline(of request: CommandRequest, at now: Moment) -> Duration {
    let span = request.remainingSeconds.map { now.monotonic + .fromSeconds($0) }
    let moment = now.broker.map { now.monotonic + (request.expires - $0) }
    // A broker that says neither has not even said hello properly: nothing is known to be in time.
    return [span, moment].compactMap(\.self).min() ?? now.monotonic
  }

  mutating func take(
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
}
