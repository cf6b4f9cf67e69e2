import AgentCore
import DeviceProtocol
import TelemetryModel
import TestValues

// The agent: the real link machine and the real spool, with this world in place of the shell.
extension World {
  func startAgent() {
    agentRun += 1
    var limits = DiskSpool.Limits()
    limits.maxPacks = terrain.spoolPacks
    limits.segmentBytes = 4096
    let newEpoch = "e\(agentRun)"
    do {
      let spool = try DiskSpool(in: disk, limits: limits) { newEpoch }
      epoch = spool.epoch
      checkRecovered(spool)
      machine = LinkMachine(configuration: agentConfiguration, spool: spool, memory: memory)
    } catch {
      return violate("the spool does not open: \(error)")
    }
    carryOut(machine?.start(at: sampleTime) ?? [])
    schedule(.agentReads(run: agentRun), in: nextReading)
  }

  var agentConfiguration: LinkMachine.Configuration {
    var configuration = LinkMachine.Configuration(
      agent: Software(name: "simulated", version: "1"), boot: "b\(agentRun)",
      path: PathKey(interface: "eth0", gateway: "192.0.2.1", broker: "broker:443"))
    configuration.flushInterval = .seconds(terrain.flushInterval)
    configuration.paths.isMetered = terrain.isMetered
    // A day of trials in an hour: a run has no time for a month.
    configuration.trials.probeInterval = .seconds(3600)
    configuration.trials.betterInterval = .seconds(7200)
    return configuration
  }

  private var nextReading: Moment { terrain.readingInterval.asSeconds }

  func read(_ run: Int) {
    guard run == agentRun, let machine else { return }
    // The last hour is for what there is.
    guard !isCalm else { return }
    schedule(.agentReads(run: run), in: nextReading)
    let reading = produced.count
    let sequence = machine.ledger.nextSequence
    let actions = self.machine?.append(Array("[\(reading)]".utf8), at: sampleTime) ?? []
    // Without power no number can be reserved for it: it dies with the process, as if never read.
    if self.machine?.ledger.nextSequence != sequence { produced.append((epoch, sequence)) }
    carryOut(actions)
  }

  func wakeAgent(_ run: Int, _ moment: Moment) {
    // One that another has overtaken must not beget further ones.
    guard run == agentRun, moment == agentWakesAt, machine != nil else { return }
    agentWakesAt = nil
    carryOut(machine?.tick(at: sampleTime, using: &random) ?? [])
  }

  func openAtAgent(_ connection: Connection) {
    guard connection.agentRun == agentRun, machine != nil else { return }
    connection.isOpenAtAgent = true
    let actions = machine?.opened(connection.attempt, at: sampleTime) ?? []
    if actions.isEmpty { return closeAtAgent(connection) }
    carryOut(actions)
  }

  func receiveAtAgent(_ connection: Connection, _ message: BrokerMessage) {
    guard connection.agentRun == agentRun, connection.isOpenAtAgent, machine != nil else { return }
    let isAck = if case .ack = message { true } else { false }
    carryOut(
      machine?.received(message, on: connection.attempt, at: sampleTime, using: &random) ?? [])
    if isAck, random.percent(5) { checkAcknowledged() }
  }

  func endAtAgent(_ connection: Connection, _ ending: LinkEnding) {
    guard connection.agentRun == agentRun, machine != nil else { return }
    if case .closed = ending {} else { connection.isForgotten = true }
    connection.isOpenAtAgent = false
    carryOut(
      machine?.ended(connection.attempt, ending, at: sampleTime, using: &random) ?? [])
  }

  /// The process is killed, or the power goes; perhaps in the middle of a write.
  func crashAgent() {
    guard machine != nil else { return }
    if random.percent(30) {
      // The next write of so many bytes is the last.
      disk.cutPower(after: Int.random(in: 0...300, using: &random))
    } else {
      agentIsGone(byPowerCut: random.percent(50))
    }
  }

  private func agentIsGone(byPowerCut: Bool) {
    checkAcknowledged()
    machine = nil
    agentRun += 1
    agentWakesAt = nil
    disk = disk.restart(afterPowerCut: byPowerCut, using: &random)
    for connection in connections where connection.isOpenAtAgent {
      connection.isOpenAtAgent = false
      // A killed process's kernel still says so; one without power does not.
      if !byPowerCut, !connection.isForgotten { schedule(.endsAtBroker(connection), in: 50_000) }
    }
    schedule(.agentStarts, in: random.spread(1...600).asSeconds)
  }

  func carryOut(_ actions: [LinkAction]) {
    for action in actions {
      switch action {
      case .connect(let attempt, let rung):
        connect(
          Connection(
            agentRun: agentRun, attempt: attempt, brokerRun: brokerRun,
            isWebSocket: rung.isWebSocket, at: now))
      case .send(let message, let attempt):
        if let connection = connection(of: attempt) { sendUp(.message(message), connection) }
      case .sendPack(let sequence, let lane, let pack, let attempt):
        guard let reading = Int(String(decoding: pack.dropFirst().dropLast(), as: UTF8.self)) else {
          violate("pack \(sequence) is sent as \(String(decoding: pack, as: UTF8.self))")
          continue
        }
        if let connection = connection(of: attempt) {
          sendUp(.pack(sequence: sequence, lane: lane, reading: reading), connection)
        }
      case .close(let attempt, _, _):
        if let connection = connection(of: attempt) { closeAtAgent(connection) }
      case .remember(let memory): self.memory = memory
      case .report(let report): note(report)
      case .run, .stop: violate("an agent without commands works on one")
      case .finished: violate("the agent stopped for good")
      }
    }
    if disk.isCut { return agentIsGone(byPowerCut: true) }
    rearmAgent()
  }

  private func connection(of attempt: LinkAttempt) -> Connection? {
    connections.last { $0.agentRun == agentRun && $0.attempt == attempt }
  }

  private func note(_ report: LinkReport) {
    switch report {
    case .down(let end, _, let retryAfter):
      if end.livedSeconds ?? 0 > 0 { drops.append(now) }
      if isTold {
        say(
          "down: \(end.cause), idle \(end.idleSeconds ?? -1) s, retry \(retryAfter.map { "\($0)" } ?? "never")"
        )
      }
    case .up:
      lastUp = now
      if isTold { say("\(report)") }
    default: if isTold { say("\(report)") }
    }
  }

  private func rearmAgent() {
    guard let deadline = machine?.deadline else { return }
    let moment = max((deadline - .seconds(1)).moment, now)
    if let agentWakesAt, agentWakesAt <= moment { return }
    agentWakesAt = moment
    events.put(.agentWakes(run: agentRun, at: moment), at: moment)
  }
}
