import DeviceProtocol
import TelemetryModel

/// When what is tried beside the link is due.
struct TrialSchedule: Sendable {
  /// The link is handed over before the path cuts it.
  var handover: Duration?
  /// A better way is tried.
  var better: Duration?
  /// The better ways that are left for this time.
  var betterLeft: [TransportRung] = []
  /// A spare link tries a longer silence.
  var probe: Duration?
  /// Why there is a successor: nil to take over in time.
  var isForBetter = false

  var successorDue: Duration? {
    switch (handover, better) {
    case (let a?, let b?): min(a, b)
    case (let a, let b): a ?? b
    }
  }
}

// Make before break, better ways, and spare links: what is tried beside a link that works.
extension LinkMachine {
  /// A way led through.
  mutating func wayLedThrough(_ rung: TransportRung, at now: SampleTime) -> [LinkAction] {
    let isNews = ladder.winner != rung
    ladder.succeeded(rung)
    record.rung = rung
    if let time = clock.wall(at: now) {
      record.usedAt = time
      record.age(at: time, configuration.paths)
    }
    return isNews ? [.report(.otherWay(rung))] : []
  }

  /// The link goes on by a lesser way than the one it came about by: held requests are cut.
  package mutating func narrowed(
    _ attempt: LinkAttempt, to rung: TransportRung, at now: SampleTime
  ) -> [LinkAction] {
    guard link?.attempt == attempt else { return [] }
    link?.rung = rung
    return wayLedThrough(rung, at: now) + remember(at: now)
  }

  /// A link lived behind a silence.
  mutating func lived(_ silence: Duration) -> [LinkAction] {
    // A little more than before is no news, and requests are new connections.
    guard link?.rung.isWebSocket == true, silence >= configuration.paths.leastSilence,
      silence > (record.safe ?? .zero) * 1.1
    else { return [] }
    let before = record
    record.survived(silence)
    return reportIfLearnt(since: before)
  }

  mutating func planTrials(
    at now: SampleTime, using generator: inout some RandomNumberGenerator
  ) {
    planHandover(at: now.monotonic, using: &generator)
    let policy = configuration.trials
    if !ladder.better.isEmpty {
      let first = policy.betterInterval / 100
      trials.better = trials.better ?? now.monotonic + spread(first, using: &generator)
    } else {
      trials.better = nil
    }
    if trials.probe == nil, let interval = policy.probeInterval,
      record.nextProbe(configuration.paths) != nil
    {
      var wait = interval / 10
      if let time = clock.wall(at: now), let last = record.probedAt, last <= time {
        wait = max(wait, interval - (time - last))
      }
      trials.probe = now.monotonic + spread(wait, using: &generator)
    }
  }

  private mutating func planHandover(
    at now: Duration, using generator: inout some RandomNumberGenerator
  ) {
    guard let life = record.life, let link, link.rung.isWebSocket else {
      trials.handover = nil
      return
    }
    // The next one will take as long to come about; on a slow path that counts.
    let latest = max(min(life * 0.9, life - (now - link.began) * 2), life * 0.5)
    trials.handover = link.began + .random(in: latest - life * 0.1...latest, using: &generator)
  }

  /// Half more at most: what a fleet was told or learnt together must not happen together.
  private func spread(
    _ wait: Duration, using generator: inout some RandomNumberGenerator
  ) -> Duration {
    .random(in: wait...wait * 1.5, using: &generator)
  }

  mutating func advanceOthers(
    at now: SampleTime, using generator: inout some RandomNumberGenerator
  ) -> [LinkAction] {
    var actions: [LinkAction] = []
    if let machine = successor,
      case .notWelcomed? = successor?.due(at: now.monotonic, using: &generator)
    {
      actions.append(.close(machine.attempt, .heartbeatLost, detail: "no welcome"))
      actions += successorFailed(
        notWelcomed(machine), at: now.monotonic, using: &generator)
    }
    if let retiring, now.monotonic >= retiring.until { actions += retire(at: now) }
    if let step = spare?.tick(at: now.monotonic) {
      actions += probe(step, at: now, using: &generator)
    }
    guard isUp, !isStopping else { return actions }
    if record.life != nil, let link, link.rung.isWebSocket {
      record.outlived(now.monotonic - link.began)
    }
    return actions + beginSuccessor(at: now.monotonic) + beginProbe(at: now.monotonic)
  }

  // MARK: Make before break

  private mutating func beginSuccessor(at now: Duration) -> [LinkAction] {
    guard successor == nil, retiring == nil, epochChange == nil,
      let due = trials.successorDue, now >= due, let present = link?.rung
    else { return [] }
    var rung = present
    trials.isForBetter = trials.handover.map { now < $0 } ?? true
    if trials.isForBetter {
      if trials.betterLeft.isEmpty { trials.betterLeft = ladder.better }
      guard !trials.betterLeft.isEmpty else {
        trials.better = nil
        return []
      }
      rung = trials.betterLeft.removeFirst()
      trials.better = nil
    } else {
      trials.handover = nil
    }
    let attempt = nextAttempt()
    // Nobody waits for it, and a broker that has heard its hello ends the present link: patience.
    successor = AttemptMachine(
      attempt, rung, welcomeTimeout: configuration.welcomeTimeout, at: now)
    return [.connect(attempt, rung)]
  }

  mutating func successorFailed(
    _ ending: LinkEnding, at now: Duration, using generator: inout some RandomNumberGenerator
  ) -> [LinkAction] {
    guard let ended = successor else { return [] }
    successor = nil
    // A broker that has no room says from when on it may have.
    var asked = ended.farewell?.reconnectAfter
    if asked == nil, case .askedToWait(let range) = ending.backoffCause { asked = range }
    let earliest = asked.map { now + .random(in: $0, using: &generator) } ?? .zero
    if trials.isForBetter {
      // The next better one soon, then all of them another day.
      let interval = configuration.trials.betterInterval
      let wait = trials.betterLeft.isEmpty ? interval : configuration.backoff.immediate
      trials.better = max(earliest, now + spread(wait, using: &generator))
    } else if let life = record.life {
      trials.handover = max(
        earliest, now + .random(in: life * 0.02...life * 0.05, using: &generator))
    }
    return [.report(.notHandedOver(ending))]
  }

  /// The successor is welcomed: it is the link from now on.
  mutating func tookOver(
    _ welcome: Welcome, at now: SampleTime, using generator: inout some RandomNumberGenerator
  ) -> [LinkAction] {
    guard var heir = successor, let old = link else { return [] }
    successor = nil
    spool.acknowledge(welcome.acked)
    queue?.acknowledge(welcome.acked)
    queue?.takeOver(welcome.window)
    heir.welcomed(welcome, heartbeat(welcome), at: now.monotonic, using: &generator)
    link = heir
    retiring = (old, now.monotonic + configuration.retirement)
    var actions: [LinkAction] = [.report(.up(welcome)), .report(.handedOver(heir.rung))]
    actions += wayLedThrough(heir.rung, at: now)
    lastEnd = nil
    planTrials(at: now, using: &generator)
    return actions + tellGaps() + remember(at: now) + resumeCommands(at: now) + pump(at: now)
      + retireIfDone(at: now)
  }

  /// The link that was taken over from is closed once nothing is on its way over it.
  mutating func retireIfDone(at now: SampleTime) -> [LinkAction] {
    guard let retiring, queue?.inFlightCount(on: retiring.machine.attempt) ?? 0 == 0 else {
      return []
    }
    return retire(at: now)
  }

  private mutating func retire(at now: SampleTime) -> [LinkAction] {
    guard let attempt = retiring?.machine.attempt else { return [] }
    return [.close(attempt, .normal, detail: "taken over from")] + retired(at: now)
  }

  mutating func retired(at now: SampleTime) -> [LinkAction] {
    guard let attempt = retiring?.machine.attempt else { return [] }
    retiring = nil
    queue?.linkEnded(attempt)
    return pump(at: now)
  }

  // MARK: Spare links

  private mutating func beginProbe(at now: Duration) -> [LinkAction] {
    guard spare == nil, epochChange == nil, let due = trials.probe, now >= due,
      let rung = link?.rung
    else { return [] }
    trials.probe = nil
    // Over HTTP nothing is silent: the held GET ends every 20 s.
    guard rung.isWebSocket, let silence = record.nextProbe(configuration.paths) else { return [] }
    let attempt = nextAttempt()
    spare = PathProbe(
      attempt, silence: silence, echoTimeout: configuration.trials.echoTimeout)
    return [.connect(attempt, rung)]
  }

  mutating func probe(
    _ step: PathProbe.Step, at now: SampleTime, using generator: inout some RandomNumberGenerator
  ) -> [LinkAction] {
    guard let attempt = spare?.attempt else { return [] }
    switch step {
    case .wait: return []
    case .send(let message): return [.send(message, on: attempt)]
    case .done(let result):
      return [.close(attempt, .normal, detail: "")]
        + probeDone(result, at: now, using: &generator)
    }
  }

  mutating func probeDone(
    _ result: PathProbe.Result, at now: SampleTime,
    using generator: inout some RandomNumberGenerator
  ) -> [LinkAction] {
    guard let silence = spare?.silence else { return [] }
    spare = nil
    guard let interval = configuration.trials.probeInterval else { return [] }
    if case .inconclusive(let isSupported) = result {
      trials.probe =
        isSupported ? now.monotonic + spread(interval / 10, using: &generator) : nil
      return []
    }
    let before = record
    let isRepeated = record.probed(
      silence, survived: result == .survived, at: clock.wall(at: now))
    // The second try of a silence that failed comes soon, so that the path is the same.
    let wait = isRepeated ? interval / 100 : interval
    if record.nextProbe(configuration.paths) != nil {
      trials.probe = now.monotonic + spread(wait, using: &generator)
    }
    return [.report(.probed(silence: silence, survived: result == .survived))]
      + reportIfLearnt(since: before) + remember(at: now)
  }

  /// A spare link beside a link that has ended shows nothing: both may have died of the same.
  mutating func closeSpare(
    at now: SampleTime, using generator: inout some RandomNumberGenerator
  ) -> [LinkAction] {
    guard let attempt = spare?.attempt else { return [] }
    return [.close(attempt, .normal, detail: "")]
      + probeDone(.inconclusive(isSupported: true), at: now, using: &generator)
  }

  /// Closes everything beside the link.
  mutating func closeOthers(_ reason: CloseReason) -> [LinkAction] {
    let attempts = [successor?.attempt, retiring?.machine.attempt, spare?.attempt]
    if let attempt = retiring?.machine.attempt { queue?.linkEnded(attempt) }
    successor = nil
    retiring = nil
    spare = nil
    return attempts.compactMap { attempt in
      attempt.map { .close($0, reason, detail: "") }
    }
  }

  // MARK: Memory

  /// Has the memory kept where it has changed in what matters, seldom.
  mutating func remember(at now: SampleTime) -> [LinkAction] {
    memory.brokerTime = max(clock.floor, memory.brokerTime ?? clock.floor)
    guard now.monotonic >= nextKeep, memory.differs(from: kept) else { return [] }
    nextKeep = now.monotonic + .seconds(60)
    return keepMemory()
  }

  /// The same at the end.
  mutating func rememberAtLast() -> [LinkAction] {
    memory.differs(from: kept) ? keepMemory() : []
  }

  private mutating func keepMemory() -> [LinkAction] {
    kept = memory
    wear.wrote(memory.encoded.count)
    return [.remember(memory)]
  }
}
