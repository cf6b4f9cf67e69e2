import AgentCore
import DeviceProtocol
import TestValues

// What the path does to connections.
extension World {
  /// One way across the path.
  private var transit: Moment {
    (terrain.latency * Double.random(in: 1...1.5, using: &random)).asSeconds
  }

  /// An agent's connection sets out.
  func connect(_ connection: Connection) {
    // Those that are over, not those that are about to open beside this one.
    let past = now - 60.0.asSeconds
    connections.removeAll { !$0.isOpenAtAgent && !$0.isOpenAtBroker && $0.began < past }
    connections.append(connection)
    guard now >= outageUntil else {
      // The shell gives up after its handshake timeout.
      return schedule(.notOpened(connection, .timedOut(step: "connect")), in: 10.0.asSeconds)
    }
    let there = transit
    guard isBrokerUp, connection.brokerRun == brokerRun else {
      return schedule(.notOpened(connection, .unreachable(.portClosed, detail: "")), in: there * 2)
    }
    if connection.isWebSocket, terrain.stripsUpgrade {
      return schedule(
        .notOpened(connection, .unreachable(.upgradeStripped, detail: "")), in: there * 2)
    }
    if connection.isWebSocket, terrain.swallowsFrames {
      connection.isForgotten = true
    } else {
      schedule(.openedAtBroker(connection), in: there)
    }
    schedule(.opened(connection), in: there * 2)
    // A request is over long before anything on the path loses patience with it.
    guard connection.isWebSocket else { return }
    if let lifetime = terrain.lifetime {
      schedule(.cut(connection, .dropped), in: lifetime.asSeconds)
    }
    if let limit = terrain.idleLimit { schedule(.idleCheck(connection), in: limit.asSeconds) }
  }

  /// Something is sent towards the broker.
  func sendUp(_ uplink: Uplink, _ connection: Connection) {
    guard connection.isOpenAtAgent, !connection.isForgotten else { return }
    connection.upArrival = max(connection.upArrival, arrival(connection))
    connection.passedUp = max(now, outageUntil)
    events.put(.arrivesAtBroker(connection, uplink), at: connection.upArrival)
    // A request that is repeated because its answer was lost.
    if !connection.isWebSocket, random.percent(2) {
      events.put(.arrivesAtBroker(connection, uplink), at: connection.upArrival)
    }
  }

  /// Something is sent towards the agent.
  func sendDown(_ message: BrokerMessage, _ connection: Connection) {
    guard connection.isOpenAtBroker, !connection.isForgotten else { return }
    connection.downArrival = max(connection.downArrival, arrival(connection))
    connection.passedDown = max(now, outageUntil)
    events.put(.arrivesAtAgent(connection, message), at: connection.downArrival)
  }

  /// When what is sent now arrives: in an outage TCP repeats it, ever more seldom.
  private func arrival(_ connection: Connection) -> Moment {
    guard now < outageUntil else { return now + transit }
    schedule(.userTimeout(connection, outage: outageUntil), in: 30.0.asSeconds)
    let repeating = min(outageUntil - now, 120.0.asSeconds)
    return outageUntil + Int64.random(in: 0...repeating, using: &random) + transit
  }

  /// The kernel gives a connection up whose bytes were not acknowledged for 30 s.
  func timeOut(_ connection: Connection, _ outage: Moment) {
    guard outage == outageUntil, now < outageUntil else { return }
    connection.isForgotten = true
    endAtAgent(connection, .transportFailed("errno 110"))
    endAtBroker(connection)
  }

  func checkIdle(_ connection: Connection) {
    guard let limit = terrain.idleLimit?.asSeconds, !connection.isForgotten,
      connection.isOpenAtAgent || connection.isOpenAtBroker || connection.began + limit >= now
    else { return }
    let passed =
      switch terrain.direction {
      case .either: max(connection.passedUp, connection.passedDown)
      case .fromBroker: connection.passedDown
      case .fromAgent: connection.passedUp
      }
    guard now >= passed + limit else {
      return events.put(.idleCheck(connection), at: passed + limit)
    }
    switch terrain.idleEnding {
    case .closed: cut(connection, .dropped)
    case .reset: cut(connection, .reset)
    case .closedToAgent:
      connection.isForgotten = true
      schedule(.endsAtAgent(connection, .dropped), in: transit)
    case .forgotten: connection.isForgotten = true
    }
  }

  /// Ends a connection for both sides.
  func cut(_ connection: Connection, _ ending: LinkEnding) {
    guard !connection.isForgotten else { return }
    connection.isForgotten = true
    schedule(.endsAtAgent(connection, ending), in: transit)
    schedule(.endsAtBroker(connection), in: transit)
  }

  func resetOne() {
    let open = connections.filter { $0.isOpenAtAgent && !$0.isForgotten }
    if let unlucky = open.randomElement(using: &random) { cut(unlucky, .reset) }
  }

  func beginOutage() {
    let length = random.spread(0.5...max(terrain.longestOutage, 0.6))
    outageUntil = max(outageUntil, now + length.asSeconds)
  }

  /// The agent closes its side.
  func closeAtAgent(_ connection: Connection) {
    guard connection.isOpenAtAgent else { return }
    connection.isOpenAtAgent = false
    guard !connection.isForgotten else { return }
    connection.upArrival = max(connection.upArrival, arrival(connection))
    events.put(.endsAtBroker(connection), at: connection.upArrival)
  }

  /// The broker closes its side, with a code.
  func closeAtBroker(_ connection: Connection, _ reason: CloseReason, _ text: String) {
    guard connection.isOpenAtBroker else { return }
    connection.isOpenAtBroker = false
    guard !connection.isForgotten else { return }
    connection.downArrival = max(connection.downArrival, arrival(connection))
    events.put(
      .endsAtAgent(connection, .closed(code: reason.code, reason: text)),
      at: connection.downArrival)
  }
}
