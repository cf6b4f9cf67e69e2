package import DeviceProtocol
import TelemetryModel

// What happens while a connection is open: the broker's messages, packs, heartbeats.
extension LinkMachine {
  /// A message came over the connection of an attempt.
  package mutating func received(
    _ message: BrokerMessage, on attempt: LinkAttempt, at now: SampleTime,
    using generator: inout some RandomNumberGenerator
  ) -> [LinkAction] {
    guard attempt == self.attempt else { return [] }
    switch state {
    case .greeting(let since):
      return greeted(by: message, since: since, at: now.monotonic, using: &generator)
    case .up:
      heard(at: now.monotonic)
      return handle(message, at: now.monotonic, using: &generator)
    case .stopped, .waiting, .connecting:
      return []
    }
  }

  /// A message came that is none of the protocol's.
  package mutating func receivedMalformed(
    _ error: ProtocolError, on attempt: LinkAttempt, at now: SampleTime,
    using generator: inout some RandomNumberGenerator
  ) -> [LinkAction] {
    guard attempt == self.attempt else { return [] }
    return giveUp(.protocolError, "\(error)", at: now.monotonic, using: &generator)
  }

  private mutating func greeted(
    by message: BrokerMessage, since: Duration, at now: Duration,
    using generator: inout some RandomNumberGenerator
  ) -> [LinkAction] {
    switch message {
    case .response(_, let result):
      do throws(ProtocolError) {
        return welcomed(try Welcome(json: result), since: since, at: now, using: &generator)
      } catch {
        return giveUp(.protocolError, "\(error)", at: now, using: &generator)
      }
    case .error(_, let error):
      return [.report(.refused(error))]
        + giveUp(.protocolError, "hello refused", at: now, using: &generator)
    default:
      return [.report(.ignored("a message before welcome"))]
    }
  }

  private mutating func welcomed(
    _ welcome: Welcome, since: Duration, at now: Duration,
    using generator: inout some RandomNumberGenerator
  ) -> [LinkAction] {
    spool.acknowledge(welcome.acked)
    let policy = configuration.heartbeat
    let heartbeat = HeartbeatSchedule(
      policy: policy.withInterval(min(policy.interval, welcome.heartbeat.interval)), now: now,
      using: &generator)
    session = LinkSession(
      welcome: welcome, since: since,
      queue: SendQueue(limits: welcome.window, nextSequence: spool.ledger.nextSequence),
      heartbeat: heartbeat, lastHeard: now)
    state = .up
    lastEnd = nil  // told
    // Told again on every link until the broker's acks cover them: a gap has no answer of its own.
    let gaps = spool.ledger.gaps.map { LinkAction.send(.gap($0)) }
    return [.report(.up(welcome))] + gaps + pump(at: now)
  }

  private mutating func handle(
    _ message: BrokerMessage, at now: Duration, using generator: inout some RandomNumberGenerator
  ) -> [LinkAction] {
    switch message {
    case .ack(let ranges):
      spool.acknowledge(ranges)
      session?.queue.acknowledge(ranges)
      session?.lastConfirmed = now
      return pump(at: now) + finishIfDrained()
    case .response(let id, _) where id == session?.heartbeatID:
      session?.heartbeat.answered(at: now)
      session?.heartbeatID = nil
      session?.lastConfirmed = now
      return []
    case .bye(let bye):
      session?.farewell = bye
      return []
    case .error(_, let error):
      return [.report(.refused(error))]
    case .command(let id, _):
      let state = CommandState(state: .rejected, reason: "this agent has no commands")
      return [.send(.response(id: id, .result(state.json)))]
    case .cancelCommand(let id, _):
      return [.send(.response(id: id, .error(RPCError(.notFound, "no such command is known"))))]
    case .unknownRequest(let id, let method):
      return [.send(.response(id: id, .error(.unknownMethod(method))))]
    case .ignored(let method):
      return [.report(.ignored(method))]
    case .welcome, .heartbeatReply, .commandFinishedReply, .response:
      // Answers to questions that were not asked, or asked by an older link.
      return []
    }
  }

  /// Sends what the window allows.
  mutating func pump(at now: Duration) -> [LinkAction] {
    guard let welcome = session?.welcome, isWritable else { return [] }
    var actions: [LinkAction] = []
    while actions.count < Self.burst,
      let next = session?.queue.next(
        from: &spool, maxPackBytes: welcome.maxMessageBytes - Self.messageOverheadBytes)
    {
      actions.append(.sendPack(sequence: next.sequence, lane: next.lane, pack: next.pack))
    }
    if !actions.isEmpty { session?.heartbeat.flushed(at: now) }
    return actions
  }

  mutating func beat(
    at now: SampleTime, using generator: inout some RandomNumberGenerator
  ) -> [LinkAction] {
    switch session?.heartbeat.action(at: now.monotonic, using: &generator) {
    case .beat:
      let id = nextRequestID()
      session?.heartbeatID = id
      return [.send(.heartbeat(id: id, monoSeconds: now.monotonic.inSeconds))]
    case .dead:
      return giveUp(.heartbeatLost, "", at: now.monotonic, using: &generator)
    case .wait, nil:
      return []
    }
  }

  /// A stopping agent is done once nothing is on its way.
  func isDrained(_ session: LinkSession) -> Bool { session.queue.inFlightCount == 0 }

  mutating func finishIfDrained() -> [LinkAction] {
    guard isStopping, let session, isDrained(session) else { return [] }
    return finish(.normal)
  }

  mutating func declareLost(
    _ range: SequenceRange, _ reason: LossReason, into actions: inout [LinkAction]
  ) {
    actions.append(.report(.lost(range, reason)))
    if isUp { actions.append(.send(.gap(Gap(range, reason: reason.rawValue)))) }
  }

  private mutating func heard(at now: Duration) {
    session?.lastHeard = now
    session?.heartbeat.received(at: now)
  }
}
