import DeviceProtocol
import TelemetryModel

// Commands on the link: the desk decides about them; here their messages come and go.
extension LinkMachine {
  // MARK: Work, as the shell reports it

  /// The work of a command has news.
  /// - Parameters:
  ///   - command: the command's id.
  ///   - percent: how much is done, 0 to 100.
  ///   - text: what is being done, for people.
  ///   - output: what was printed since the last news.
  ///   - now: the time.
  /// - Returns: what to do.
  package mutating func commandProgressed(
    _ command: String, percent: Double? = nil, text: String? = nil, output: ArraySlice<UInt8> = [],
    at now: SampleTime
  ) -> [LinkAction] {
    carry(
      desk.progressed(command, percent: percent, text: text, output: output, at: moment(now)),
      at: now)
  }

  /// The work of a command is over. Work that was stopped because the shell was told so ends as
  /// `cancelled`.
  package mutating func commandEnded(
    _ command: String, _ result: CommandResult, at now: SampleTime
  ) -> [LinkAction] {
    carry(desk.ended(command, result, at: moment(now)), at: now) + finishIfDrained()
  }

  // MARK: Messages

  mutating func commanded(
    _ id: String, _ request: CommandRequest, on attempt: LinkAttempt, at now: SampleTime
  ) -> [LinkAction] {
    let (answer, steps) = desk.received(request, at: moment(now))
    // The answer first, then its progress and its end.
    return [say(answer, to: id, on: attempt)] + carry(steps, at: now)
  }

  mutating func cancelCommand(
    _ id: String, _ command: String, on attempt: LinkAttempt, at now: SampleTime
  ) -> [LinkAction] {
    let (answer, steps) = desk.cancelled(command, at: moment(now))
    return [say(answer, to: id, on: attempt)] + carry(steps, at: now)
  }

  private func say(_ answer: CommandState, to id: String, on attempt: LinkAttempt) -> LinkAction {
    var answer = answer
    if let outcome = answer.outcome {
      let result = CommandResult(
        outcome, exitCode: answer.exitCode, output: answer.output, outputBytes: answer.outputBytes,
        reason: answer.reason)
      answer = result.fitting(maxMessageBytes).state
    }
    return .send(.response(id: id, .result(answer.json)), on: attempt)
  }

  /// The longest message that the broker takes.
  private var maxMessageBytes: Int {
    link?.welcome?.maxMessageBytes ?? ProtocolLimits.maxMessageBytes
  }

  /// The broker answered a request that was none of the link's own.
  mutating func answeredResult(
    _ id: String, _ error: RPCError? = nil, on attempt: LinkAttempt, at now: SampleTime
  ) -> [LinkAction]? {
    guard let command = results.answered(id, on: attempt) else { return nil }
    var actions: [LinkAction] = []
    if let error {
      actions.append(.report(.command(.notTaken(command, error))))
      if error.mayPass { results.postpone(command, at: now.monotonic) }
    }
    // One that the broker will never take is not told for ever.
    if error?.mayPass != true { desk.confirmed(command) }
    return actions + tellResults(at: now) + finishIfDrained()
  }

  // MARK: Parts

  /// A link has come up, perhaps beside another: results go over it, and the time is known.
  mutating func resumeCommands(at now: SampleTime) -> [LinkAction] {
    results.begin()
    return carry(desk.tick(at: moment(now)), at: now)
  }

  mutating func tickCommands(at now: SampleTime) -> [LinkAction] {
    carry(desk.tick(at: moment(now)), at: now)
  }

  mutating func startCommands(at now: SampleTime) -> [LinkAction] {
    carry(desk.start(at: moment(now)), at: now)
  }

  mutating func closeCommands(at now: SampleTime) -> [LinkAction] {
    carry(desk.close(at: moment(now)), at: now)
  }

  /// Whether a stopping agent should wait: for work that is being stopped, for results on their way.
  var hasCommandsInHand: Bool { desk.isBusy || !results.isEmpty }

  var commandDeadline: Duration? {
    [desk.deadline, isUp ? results.deadline : nil].compactMap(\.self).min()
  }

  private func moment(_ now: SampleTime) -> CommandDesk.Moment {
    CommandDesk.Moment(
      monotonic: now.monotonic, broker: clock.brokerTime(at: now.monotonic))
  }

  private mutating func carry(_ steps: [CommandStep], at now: SampleTime) -> [LinkAction] {
    var actions: [LinkAction] = []
    for step in steps {
      switch step {
      case .run(let job): actions.append(.run(job))
      case .stop(let command): actions.append(.stop(command: command))
      case .progress(let progress):
        // News that nobody hears now is not news later.
        guard let link, link.isUp, link.isWritable else { continue }
        actions.append(.send(.commandProgress(progress), on: link.attempt))
        self.link?.flushed(at: now.monotonic)
      case .report(let report): actions.append(.report(.command(report)))
      }
    }
    return actions + tellResults(at: now)
  }

  /// Tells results that the broker does not know.
  private mutating func tellResults(at now: SampleTime) -> [LinkAction] {
    guard let attempt = link?.attempt, link?.isUp == true else { return [] }
    var actions: [LinkAction] = []
    for command in results.due(desk.unconfirmed, at: now.monotonic) {
      guard let result = desk.journal[command]?.result?.fitting(maxMessageBytes),
        let id = link?.nextRequestID()
      else { continue }
      results.sent(command, as: id, on: attempt, at: now.monotonic)
      actions.append(.send(.commandFinished(id: id, result.finished(command)), on: attempt))
      link?.flushed(at: now.monotonic)
    }
    return actions
  }
}

extension RPCError {
  /// Whether the same request may be taken later.
  fileprivate var mayPass: Bool {
    let words = [RPCError.Word.busy, .internalError, .notReady].map(\.rawValue)
    return code == RPCError.internalError || words.contains(data?.code ?? "")
  }
}
