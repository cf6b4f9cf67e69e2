package import DeviceProtocol
package import TelemetryModel

/// One command's life, as a pure machine: every input says what happened to it, if anything.
///
/// What must hold: a command that was never sent ends `cancelled`, `expired` or `rejected`, and the
/// device did nothing. Once it was sent only the device knows, and where it does not say in time the
/// broker says `unknown`. Whatever happens, it is final ``Policy/answerGrace`` after its time and its
/// own limit to run are over.
package struct CommandLife: Hashable, Sendable {
  /// Constants of all commands.
  package struct Policy: Hashable, Sendable {
    /// How long past its deadline the device's word is waited for.
    package var answerGrace: Duration = .seconds(30)
    /// How long a command may run whose profile does not say.
    package var runLimit: Duration = .seconds(600)
    /// The longest that a profile may say.
    package var longestRun: Duration = .seconds(86_400)

    /// The defaults above.
    package init() {}
  }

  /// What was ordered.
  package let order: CommandOrder
  /// Where it stands.
  package private(set) var status: CommandStatus
  private let grace: Duration

  /// A command just ordered.
  package init(_ order: CommandOrder, policy: Policy) {
    self.order = order
    grace = policy.answerGrace
    status = CommandStatus(
      state: .queued, since: order.created, attempts: 0, actor: .person(order.actor))
  }

  /// A command as it was kept.
  package init(_ order: CommandOrder, status: CommandStatus, policy: Policy) {
    self.order = order
    self.status = status
    grace = policy.answerGrace
  }

  /// Where it is.
  package var state: CommandPhase { status.state }

  /// The event of its first state.
  package var ordered: CommandEvent {
    CommandEvent(
      kind: .state(.queued), time: order.created, cause: "ordered", actor: .person(order.actor))
  }

  /// When ``tick(now:)`` is next to be called; nil once it is final.
  package var deadline: Timestamp? {
    switch state {
    case .queued: order.expires
    case .sent: order.expires + grace
    case .accepted: order.expires + order.runLimit + grace
    case .running: min(status.since, order.expires) + order.runLimit + grace
    default: nil
    }
  }

  /// It is given to a link, for the first time or again.
  package mutating func sent(now: Timestamp) -> CommandEvent? {
    guard !state.isFinal else { return nil }
    status.attempts += 1
    guard state == .queued else {
      return CommandEvent(
        kind: .sentAgain, time: now, cause: "attempt \(status.attempts): the device is back",
        actor: .broker)
    }
    return move(to: .sent, now, "given to the device's link", .broker)
  }

  /// The device answered `command`.
  package mutating func answered(_ answer: CommandState, now: Timestamp) -> CommandEvent? {
    switch answer.state {
    case .accepted: return advance(to: .accepted, now, "in the device's journal")
    case .running: return advance(to: .running, now, "the device began")
    case .finished:
      return end(CommandPhase(answer.outcome ?? .unknown), CommandResult(answer), now)
    case .rejected: return end(.rejected, CommandResult(answer), now)
    }
  }

  /// The device answered `command` with an error.
  package mutating func refused(_ error: RPCError, now: Timestamp) -> CommandEvent? {
    guard state.isInFlight else { return nil }
    let reason = "the device refused the message: \(error)"
    // Only of the first attempt can it be said that nothing came of it.
    guard state == .sent, status.attempts == 1 else {
      return move(to: .unknown, now, reason, .broker)
    }
    status.result = CommandResult(reason: error.message)
    return move(to: .rejected, now, reason, .device)
  }

  /// The device answered `command` with something that cannot be read: what it did is not known.
  package mutating func answeredNonsense(_ fault: String, now: Timestamp) -> CommandEvent? {
    guard state.isInFlight else { return nil }
    return move(to: .unknown, now, "its answer cannot be read: \(fault)", .broker)
  }

  /// The device says how far it is.
  package mutating func progressed(now: Timestamp) -> CommandEvent? {
    advance(to: .running, now, "the device began")
  }

  /// What a report of the end comes to.
  package enum Finish: Hashable, Sendable {
    /// It is news, to be made durable before it is confirmed.
    case news(CommandEvent)
    /// It is known already; confirm it again.
    case repeated
    /// The command was never sent: the report is forged or mistaken.
    case impossible
  }

  /// The device says how it ended.
  package mutating func finished(_ report: CommandFinished, now: Timestamp) -> Finish {
    guard status.attempts > 0 else { return .impossible }
    guard let event = end(CommandPhase(report.outcome), CommandResult(report), now) else {
      return .repeated
    }
    return .news(event)
  }

  /// What a wish to cancel comes to.
  package enum Cancel: Hashable, Sendable {
    /// It is cancelled: the device never heard of it.
    case done(CommandEvent)
    /// The device may have it and is to be asked.
    case ask(CommandEvent)
    /// The device is being asked already.
    case asked
    /// It has ended.
    case tooLate
  }

  /// Somebody wants it stopped.
  package mutating func cancel(by actor: String, now: Timestamp) -> Cancel {
    if state.isFinal { return .tooLate }
    guard state != .queued else {
      return .done(move(to: .cancelled, now, "cancelled before it was sent", .person(actor)))
    }
    guard status.cancelled == nil else { return .asked }
    status.cancelled = CommandStatus.CancelRequest(time: now, actor: actor)
    return .ask(
      CommandEvent(
        kind: .cancelRequested, time: now, cause: "the device is asked to stop it",
        actor: .person(actor)))
  }

  /// The device has never heard of a command that it was asked to stop: it will not act on it any more.
  package mutating func cancelledUnheard(now: Timestamp) -> CommandEvent? {
    guard state == .sent else { return nil }
    return move(to: .cancelled, now, "it never reached the device", .broker)
  }

  /// It cannot be sent: it does not fit the device's profile as that is now, or there is no such
  /// device any more.
  package mutating func rejected(_ reason: String, now: Timestamp) -> CommandEvent? {
    guard state == .queued else { return nil }
    status.result = CommandResult(reason: reason)
    return move(to: .rejected, now, reason, .broker)
  }

  /// Ends a command whose time is over; does nothing before ``deadline``.
  package mutating func tick(now: Timestamp) -> CommandEvent? {
    guard let deadline, now >= deadline else { return nil }
    guard state != .queued else {
      return move(to: .expired, now, "its time was over before it could be sent", .broker)
    }
    return move(
      to: .unknown, now, "the device did not say in time what became of it", .broker)
  }

  private mutating func move(
    to state: CommandPhase, _ now: Timestamp, _ cause: String, _ actor: CommandActor
  ) -> CommandEvent {
    status.state = state
    status.since = now
    status.actor = actor
    return CommandEvent(kind: .state(state), time: now, cause: cause, actor: actor)
  }

  private mutating func advance(
    to state: CommandPhase, _ now: Timestamp, _ cause: String
  ) -> CommandEvent? {
    guard self.state.isInFlight, state.progress > self.state.progress else { return nil }
    return move(to: state, now, cause, .device)
  }

  /// The device's word on its end, which counts once; over the broker's own conclusion also late.
  private mutating func end(
    _ state: CommandPhase, _ result: CommandResult, _ now: Timestamp
  ) -> CommandEvent? {
    guard status.attempts > 0, !self.state.isFinal || status.actor == .broker else { return nil }
    let isLate = self.state.isFinal
    status.result = result
    let cause = result.reason.map { ": \($0)" } ?? ""
    return move(
      to: state, now, (isLate ? "the device said so late" : "the device said so") + cause, .device)
  }
}
