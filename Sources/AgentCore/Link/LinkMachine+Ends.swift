import DeviceProtocol
import TelemetryModel

// How a link ends, and when the next attempt comes.
extension LinkMachine {
  /// Closes the link for a reason of this side and plans the next.
  mutating func giveUp(
    _ reason: CloseReason, _ detail: String, at now: SampleTime,
    using generator: inout some RandomNumberGenerator
  ) -> [LinkAction] {
    [.close(attempt, reason, detail: detail)]
      + endLink(.gaveUp(reason), at: now, using: &generator)
  }

  mutating func endLink(
    _ ending: LinkEnding, at now: SampleTime, using generator: inout some RandomNumberGenerator
  ) -> [LinkAction] {
    guard let ended = link else { return [] }
    if ending.isOfCertificate { clock.certificateRefused() }
    let end = classify(ended, ending, at: now)
    // Attempts that never became a link must not hide how the last link ended.
    if ended.isUp || lastEnd == nil { lastEnd = end }
    link = nil
    queue = nil
    epochChange = nil
    let spareClosed = closeSpare(at: now, using: &generator)
    if stopDeadline != nil {
      return spareClosed + [.report(.down(end, ending: ending, retryAfter: nil))] + finish(nil)
    }
    if let heir = successor {
      // Its hello is on its way already; it need not take over any more to be the link.
      successor = nil
      link = heir
      return spareClosed + [.report(.down(end, ending: ending, retryAfter: .zero))]
    }
    let movedOn = !ended.isUp && ladder.failed(ending.rungFault)
    if !ended.isUp { suspicion = nil }
    var actions = spareClosed
    if spool.isEpochChangeDue { actions += beginEpochChange(at: now.monotonic) }
    let delay = delay(after: ended, ending, movedOn: movedOn, using: &generator)
    phase = .waiting(until: now.monotonic + delay)
    actions.append(.report(.down(end, ending: ending, retryAfter: delay)))
    if movedOn { actions.append(.report(.otherWay(ladder.rung))) }
    return actions
  }

  /// Where there is a way through the proxy's tunnel, the WebSockets above it go without.
  private func isBesideProxy(_ rung: TransportRung) -> Bool {
    configuration.rungs.contains(.tunnelled) && rung.isWebSocket && rung != .tunnelled
  }

  /// What it was that an attempt was opened and no welcome came.
  func notWelcomed(_ attempt: AttemptMachine?) -> LinkEnding {
    attempt?.rung.isWebSocket == true ? .swallowed : .timedOut(step: "welcome")
  }

  /// The wait before the next attempt.
  private mutating func delay(
    after ended: AttemptMachine, _ ending: LinkEnding, movedOn: Bool,
    using generator: inout some RandomNumberGenerator
  ) -> Duration {
    if let asked = ended.farewell?.reconnectAfter {
      return backoff.delay(
        after: .askedToWait(asked), acknowledgedFor: ended.acknowledgedFor, using: &generator)
    }
    // Another way is tried soon, but there are only so many: a round through all of them counts as
    // one attempt.
    if movedOn {
      return .random(in: .zero...configuration.backoff.immediate, using: &generator)
    }
    return backoff.delay(
      after: ending.backoffCause, acknowledgedFor: ended.acknowledgedFor, using: &generator)
  }

  /// What the end says, of the link and of the path; the latter only counts when the next attempt
  /// gets through at once, since a network that was down for everybody says nothing about limits.
  private mutating func classify(
    _ ended: AttemptMachine, _ ending: LinkEnding, at now: SampleTime
  ) -> LinkEnd {
    let age = now.monotonic - ended.began
    var cut: PathRecord.Cut?
    var silence: Duration?
    if let heartbeat = ended.heartbeat {
      let isGivenUp = ending == .gaveUp(.heartbeatLost)
      silence = heartbeat.silence(at: now.monotonic, isGivenUp: isGivenUp)
      suspicion = nil
      // Requests come and go; what ends their session is no limit of connections.
      if ending.mayBeThePath, ended.rung.isWebSocket, let silence {
        var record = self.record
        cut = record.cut(
          silence: silence, age: age, isGivenUp: isGivenUp, interval: heartbeat.policy.interval,
          at: clock.wall(at: now), configuration.paths)
        suspicion = record
      }
    }
    var end = LinkEnd(
      cause: ending.cause(cut), livedSeconds: age.inSeconds, idleSeconds: silence?.inSeconds,
      transport: ended.rung.word(isSecure: configuration.isSecure),
      proxy: path.proxy.isEmpty || isBesideProxy(ended.rung) ? nil : path.proxy)
    if case .closed(let code, _) = ending { end.closeCode = Int(code) }
    return end
  }

  /// The attempt after a cut got through: it was the path.
  mutating func confirmSuspicion() -> [LinkAction] {
    guard let suspicion else { return [] }
    self.suspicion = nil
    guard suspicion != record else { return [] }
    let before = record
    record = suspicion
    return reportIfLearnt(since: before)
  }

  /// What is learnt holds for the present link as well: readings alone, whose acks may be late now and
  /// then, do not keep it.
  mutating func reportIfLearnt(since before: PathRecord) -> [LinkAction] {
    guard (before.safe, before.fail, before.life) != (record.safe, record.fail, record.life) else {
      return []
    }
    if let policy = link?.welcome.map(heartbeat) { link?.adopt(policy) }
    let interval = record.interval(configuration.paths)
    return [.report(.learnt(record.report(network: path.network, interval: interval)))]
  }

  /// A stopping agent is done once nothing is on its way.
  mutating func finishIfDrained() -> [LinkAction] {
    guard isStopping, !hasCommandsInHand, let queue, queue.inFlightCount == 0 else {
      return []
    }
    return finish(.normal)
  }

  /// Over for good; with a reason, connections are closed.
  mutating func finish(_ reason: CloseReason?) -> [LinkAction] {
    var actions = closeOthers(.normal)
    if let reason, let attempt = link?.attempt {
      actions.append(.close(attempt, reason, detail: ""))
    }
    do throws(SpoolFailure) {
      try spool.flush(.everything)
    } catch {
      actions.append(.report(.spoolFailed(error)))
    }
    link = nil
    queue = nil
    phase = .stopped
    // Set for good, so that a late `start` does nothing.
    stopDeadline = .zero
    return actions + rememberAtLast() + [.finished]
  }
}
