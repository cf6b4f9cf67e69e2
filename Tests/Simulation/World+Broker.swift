import AgentCore
import BrokerCore
import DeviceProtocol
import TelemetryModel
import TestValues

// The broker: the real device session, over a model of registry, ingest and store.
extension World {
  func startBroker() {
    brokerRun += 1
    isBrokerUp = true
    current = nil
    writes = []
  }

  /// Everything that was not committed is gone.
  func crashBroker() {
    guard isBrokerUp else { return }
    isBrokerUp = false
    current = nil
    writes = []
    let machineDied = random.percent(20)
    for connection in connections where connection.isOpenAtBroker || connection.session != nil {
      connection.isOpenAtBroker = false
      connection.session = nil
      if machineDied { connection.isForgotten = true } else { cut(connection, .reset) }
    }
    schedule(.brokerStarts, in: random.spread(0.5...900).asSeconds)
  }

  func openAtBroker(_ connection: Connection) {
    guard isBrokerUp, connection.brokerRun == brokerRun, !connection.isForgotten else { return }
    connection.isOpenAtBroker = true
    connection.session = DeviceSession(
      policy: DeviceSession.Policy(), repeatsAcks: !connection.isWebSocket, now: wall)
    rearm(connection)
  }

  func receiveAtBroker(_ connection: Connection, _ uplink: Uplink) {
    guard connection.brokerRun == brokerRun, isBrokerUp, connection.isOpenAtBroker else { return }
    switch uplink {
    case .message(let message): take(message, nil, connection)
    case .pack(let sequence, let lane, let reading):
      take(.telemetry(seq: sequence, lane: lane, pack: 0..<0), reading, connection)
    }
    rearm(connection)
  }

  private func take(_ message: AgentMessage, _ reading: Int?, _ connection: Connection) {
    carryOut(connection.session?.received(message, now: wall) ?? [], reading, connection)
  }

  func endAtBroker(_ connection: Connection) {
    guard connection.brokerRun == brokerRun else { return }
    connection.isOpenAtBroker = false
    if current === connection { current = nil }
    connection.session = nil
  }

  func wakeSession(_ connection: Connection, _ moment: Moment) {
    guard connection.brokerRun == brokerRun, isBrokerUp, moment == connection.wakesAt else {
      return
    }
    connection.wakesAt = nil
    carryOut(connection.session?.tick(now: wall) ?? [], nil, connection)
    rearm(connection)
  }

  private func carryOut(
    _ actions: [DeviceSession.Action], _ reading: Int?, _ connection: Connection
  ) {
    for action in actions {
      switch action {
      case .open(let hello): open(hello, connection)
      case .send(let message): sendDown(asDecoded(message), connection)
      case .submit(let sequence, _, _):
        guard let reading, !connection.isFenced else { continue }
        submit(.pack(sequence: sequence, reading: reading), connection)
      case .keep(let gap):
        if !connection.isFenced { submit(.gap(gap.range), connection) }
      case .openSpare:
        carryOut(connection.session?.spareOpened(now: wall) ?? [], nil, connection)
      case .forwardAck(let ranges):
        guard !connection.isFenced, let current, current.session?.epoch == connection.session?.epoch
        else { continue }
        sendDown(.ack(ranges), current)
      case .commandResponse, .commandProgress, .commandFinished:
        violate("news of a command that nobody gave")
      case .close(let reason, let text):
        if current === connection { current = nil }
        closeAtBroker(connection, reason, text)
      }
    }
  }

  private func open(_ hello: Hello, _ connection: Connection) {
    generation += 1
    connection.generation = generation
    connection.name = "s\(brokerRun).\(generation)"
    if let old = current, old !== connection {
      if hello.resume == old.name {
        old.session?.handedOver(now: wall)
        rearm(old)
      } else {
        old.isFenced = true
        carryOut(old.session?.close(.replaced, "replaced") ?? [], nil, old)
      }
    }
    current = connection
    carryOut(
      connection.session?.opened(
        session: connection.name, generation: generation, acked: store[hello.epoch].settled,
        server: Software(name: "simulated", version: "1"), now: wall) ?? [], nil, connection)
  }

  /// Results on the wire say only what they answer; the agent's side reads them so.
  private func asDecoded(_ message: BrokerMessage) -> BrokerMessage {
    switch message {
    case .welcome, .heartbeatReply, .commandFinishedReply:
      var bytes: [UInt8] = []
      message.encode(into: &bytes)
      do {
        return try BrokerMessage.decode(bytes.span)
      } catch {
        violate("the broker's message cannot be read: \(error)")
        return message
      }
    default: return message
    }
  }

  private func submit(_ write: StoreModel.Write, _ connection: Connection) {
    guard let epoch = connection.session?.epoch else { return }
    if writes.isEmpty {
      // 25 ms of company, then the disk; now and then the disk is busy with something else.
      let wait = random.percent(2) ? random.spread(0.05...5) : 0.03
      schedule(.commits(run: brokerRun), in: wait.asSeconds)
    }
    writes.append((connection, epoch, write))
    if writes.count > 2 * DeviceSession.Policy().windowMessages + 64 {
      violate("\(writes.count) packs wait for a commit")
    }
  }

  /// One transaction, then its acks; a crash may come in between.
  func commit(_ run: Int) {
    guard run == brokerRun, isBrokerUp else { return }
    var acks: [(connection: Connection, ranges: SequenceRanges)] = []
    for (connection, epoch, write) in writes {
      if let wrong = store.apply(write, of: epoch) { violate(wrong) }
      let range =
        switch write {
        case .pack(let sequence, _): SequenceRange(sequence)
        case .gap(let range): range
        }
      if let index = acks.firstIndex(where: { $0.connection === connection }) {
        acks[index].ranges.insert(range)
      } else {
        acks.append((connection, SequenceRanges([range])))
      }
    }
    writes = []
    if !isCalm, terrain.brokerCrashesAnHour > 0, random.percent(1) { return crashBroker() }
    for (connection, ranges) in acks where !connection.isFenced {
      carryOut(connection.session?.committed(ranges) ?? [], nil, connection)
      rearm(connection)
    }
  }

  private func rearm(_ connection: Connection) {
    guard let deadline = connection.session?.deadline else { return }
    let moment = max(deadline.microseconds - 1_800_000_000_000_000, now)
    if let wakesAt = connection.wakesAt, wakesAt <= moment { return }
    connection.wakesAt = moment
    events.put(.sessionWakes(connection, at: moment), at: moment)
  }
}
