package import DeviceProtocol
import TelemetryModel

// What happens while a connection is open: the broker's messages, packs, heartbeats.
extension LinkMachine {
  /// A message came over the connection of an attempt.
  package mutating func received(
    _ message: BrokerMessage, on attempt: LinkAttempt, at now: SampleTime,
    using generator: inout some RandomNumberGenerator
  ) -> [LinkAction] {
    switch role(of: attempt) {
    case .link:
      guard link?.isUp == true else {
        return greeted(by: message, .link, attempt, at: now, using: &generator)
      }
      link?.heard(at: now.monotonic)
      return handle(message, on: attempt, at: now)
    case .successor: return greeted(by: message, .successor, attempt, at: now, using: &generator)
    case .retiring: return handle(message, on: attempt, at: now) + retireIfDone(at: now)
    case .spare:
      guard let step = spare?.received(message, at: now.monotonic) else { return [] }
      return probe(step, at: now, using: &generator)
    case nil: return []
    }
  }

  /// A message came that is none of the protocol's.
  package mutating func receivedMalformed(
    _ error: ProtocolError, on attempt: LinkAttempt, at now: SampleTime,
    using generator: inout some RandomNumberGenerator
  ) -> [LinkAction] {
    guard role(of: attempt) != nil else { return [] }
    return refuse(attempt, "\(error)", at: now, using: &generator)
  }

  private mutating func refuse(
    _ attempt: LinkAttempt, _ detail: String, at now: SampleTime,
    using generator: inout some RandomNumberGenerator
  ) -> [LinkAction] {
    [.close(attempt, .protocolError, detail: detail)]
      + ended(attempt, .gaveUp(.protocolError), at: now, using: &generator)
  }

  private mutating func greeted(
    by message: BrokerMessage, _ role: Role, _ attempt: LinkAttempt, at now: SampleTime,
    using generator: inout some RandomNumberGenerator
  ) -> [LinkAction] {
    switch message {
    case .response(_, let result):
      let welcome: Welcome
      do throws(ProtocolError) {
        welcome = try Welcome(json: result)
      } catch {
        return refuse(attempt, "\(error)", at: now, using: &generator)
      }
      return role == .link
        ? welcomed(welcome, at: now, using: &generator)
        : tookOver(welcome, at: now, using: &generator)
    case .error(_, let error):
      return [.report(.refused(error))]
        + refuse(attempt, "hello refused", at: now, using: &generator)
    case .bye(let bye):
      // A broker that has no room says so before it closes.
      if role == .link { link?.farewell = bye } else { successor?.farewell = bye }
      return []
    default: return [.report(.ignored("a message before welcome"))]
    }
  }

  private mutating func welcomed(
    _ welcome: Welcome, at now: SampleTime, using generator: inout some RandomNumberGenerator
  ) -> [LinkAction] {
    guard let rung = link?.rung, let greeting = link?.state else { return [] }
    spool.acknowledge(welcome.acked)
    if case .greeting(let since) = greeting { hear(welcome.now, took: now.monotonic - since, now) }
    var actions: [LinkAction] = [.report(.up(welcome))]
    actions += wayLedThrough(rung, at: now)
    actions += confirmSuspicion()
    let heartbeat = heartbeat(welcome)
    link?.welcomed(welcome, heartbeat, at: now.monotonic, using: &generator)
    queue = SendQueue(limits: welcome.window, nextSequence: spool.ledger.nextSequence)
    lastEnd = nil  // told
    planTrials(at: now, using: &generator)
    return actions + tellGaps() + remember(at: now) + resumeCommands(at: now) + pump(at: now)
  }

  /// Gaps are told again on every link until the broker's acks cover them: a gap has no answer of
  /// its own.
  mutating func tellGaps() -> [LinkAction] {
    // The gaps hold what would be told as news otherwise.
    let reports = spool.takeLosses().map { LinkAction.report(.lost($0.range, $0.reason)) }
    return reports
      + spool.ledger.gaps.map { LinkAction.send(.gap($0), on: attempt) }
  }

  /// How a link with this welcome beats: as the path needs, as the broker allows.
  func heartbeat(_ welcome: Welcome) -> HeartbeatSchedule.Policy {
    let interval = record.interval(configuration.paths)
    return configuration.heartbeat.withInterval(min(interval, welcome.heartbeat.interval))
  }

  /// The broker told its time.
  private mutating func hear(_ time: Timestamp, took: Duration, _ now: SampleTime) {
    clock.heard(time, took: took, at: now.monotonic)
  }

  private mutating func handle(
    _ message: BrokerMessage, on attempt: LinkAttempt, at now: SampleTime
  ) -> [LinkAction] {
    switch message {
    case .ack(let ranges):
      spool.acknowledge(ranges)
      queue?.acknowledge(ranges)
      if link?.attempt == attempt { link?.lastConfirmed = now.monotonic }
      return pump(at: now) + epochChangeIfDrained(at: now.monotonic) + finishIfDrained()
    case .response(let id, let result):
      guard link?.attempt == attempt,
        let (silence, took) = link?.answered(id, at: now.monotonic)
      else { return response(id, result, on: attempt, at: now) }
      if let reply = try? HeartbeatReply(json: result) { hear(reply.now, took: took, now) }
      return lived(silence)
    case .bye(let bye):
      if link?.attempt == attempt { link?.farewell = bye }
      return []
    case .error(let id, let error):
      return id.flatMap { answeredResult($0, error, on: attempt, at: now) }
        ?? [.report(.refused(error))]
    case .command, .cancelCommand, .unknownRequest:
      return answer(message, on: attempt, at: now)
    case .ignored(let method): return [.report(.ignored(method))]
    case .welcome, .heartbeatReply, .commandFinishedReply:
      // For writing only; the decoder yields `response`.
      return []
    }
  }

  /// Sends what the window allows.
  mutating func pump(at now: SampleTime) -> [LinkAction] {
    guard let link, let welcome = link.welcome, link.isWritable, epochChange == nil else {
      return []
    }
    var actions: [LinkAction] = []
    while actions.count < Self.burst,
      let next = queue?.next(
        from: &spool, maxPackBytes: welcome.maxMessageBytes - Self.messageOverheadBytes,
        on: link.attempt)
    {
      let pack = packClock.clocked(next.pack, clock, at: now)
      actions.append(
        .sendPack(sequence: next.sequence, lane: next.lane, pack: pack, on: link.attempt))
    }
    if !actions.isEmpty { self.link?.flushed(at: now.monotonic) }
    return actions + tellLosses()
  }

  /// Says what was given up, to people and, where there is a link, to the broker.
  mutating func tellLosses() -> [LinkAction] {
    spool.takeLosses().flatMap { loss in
      let report = LinkAction.report(.lost(loss.range, loss.reason))
      guard let link, link.isUp else { return [report] }
      return [report, .send(.gap(Gap(loss.range, reason: loss.reason.rawValue)), on: link.attempt)]
    }
  }

  // MARK: Another epoch

  /// The spool numbers packs anew: what is on its way under the old numbers is waited for a little,
  /// then the link begins again under the new ones.
  mutating func beginEpochChange(at now: Duration) -> [LinkAction] {
    guard spool.isEpochChangeDue, epochChange == nil, !isStopping else { return [] }
    guard isUp else {
      // Nothing of the old epoch can be on its way without a link; one that says hello just now
      // says it of the old epoch.
      guard link == nil else { return [] }
      return adoptEpoch()
    }
    epochChange = now + configuration.retirement
    return epochChangeIfDrained(at: now)
  }

  mutating func epochChangeIfDrained(at now: Duration) -> [LinkAction] {
    guard epochChange != nil, queue?.inFlightCount == 0 else { return [] }
    return changeEpoch(at: now)
  }

  mutating func changeEpoch(at now: Duration) -> [LinkAction] {
    epochChange = nil
    guard let attempt = link?.attempt else { return [] }
    let others = closeOthers(.normal)
    link = nil
    queue = nil
    return others + [.close(attempt, .normal, detail: "another epoch")] + adoptEpoch()
      + connect(at: now)
  }

  private mutating func adoptEpoch() -> [LinkAction] {
    spool.changeEpoch()
    return [.report(.otherEpoch(spool.epoch, isDurable: spool.isDurable))]
  }
}
