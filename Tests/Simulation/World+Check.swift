import AgentCore
import DeviceProtocol
import TelemetryModel

// What has to hold.
extension World {
  /// Numbers come back after a crash as they were given out, or are on record as lost.
  func checkRecovered(_ spool: DiskSpool) {
    let next = spool.ledger.nextSequence
    if let past = produced.last(where: { $0.epoch == spool.epoch }), past.sequence >= next {
      // Its number was given out and would be given out again.
      violate("after a restart \(next) is the next number, but \(past.sequence) was used")
    }
    checkLedger(spool.ledger)
  }

  /// What the agent takes for acknowledged is durable at the broker.
  func checkAcknowledged() {
    guard let machine else { return }
    let settled = store[epoch].settled
    for range in machine.ledger.acknowledged.ranges {
      let missing = settled.missing(in: range)
      if let lost = missing.ranges.first {
        return violate("packs \(lost.from)…\(lost.to) of \(epoch) were acked and are not stored")
      }
    }
    checkLedger(machine.ledger)
  }

  /// Every number is in exactly one place, and no queue is longer than its bound.
  private func checkLedger(_ ledger: SpoolLedger) {
    var all = ledger.acknowledged
    let lost = SequenceRanges(ledger.gaps.map(\.range))
    var count = ledger.acknowledged.count
    for part in [ledger.stored, lost] {
      all.merge(part)
      count += part.count
    }
    if all.count != ledger.nextSequence - 1 || count != all.count {
      violate(
        """
        of \(ledger.nextSequence - 1) packs \(ledger.stored) are stored, \
        \(ledger.acknowledged) acknowledged, \(lost) lost
        """)
    }
    if ledger.stored.count > UInt64(terrain.spoolPacks) {
      violate("\(ledger.stored.count) packs in a spool for \(terrain.spoolPacks)")
    }
  }

  /// After time to finish: every reading is stored once, or given up with a gap that the broker
  /// knows.
  func checkReadings() {
    guard violations.isEmpty else { return }
    guard let machine else { return violate("the agent did not come back") }
    checkAcknowledged()
    if !machine.ledger.stored.isEmpty {
      violate("after an hour of quiet \(machine.ledger.stored.count) packs still wait")
    }
    // The longest waits before an attempt are 5 min, and 15 min after a refusal.
    if !machine.isUp, now - lastUp > 1200.0.asSeconds {
      violate("after an hour of quiet the link has been down since \(lastUp / 1_000_000) s")
    }
    for (reading, pack) in produced.enumerated() where !store.isStored(reading) {
      let epoch = store[pack.epoch]
      if !epoch.givenUp.contains(pack.sequence) {
        return violate("reading \(reading), pack \(pack.sequence) of \(pack.epoch), is nowhere")
      }
    }
  }

  /// On a path that never changes, what was learnt keeps the link: no drop in the second half.
  func checkPath(since: Moment) {
    guard violations.isEmpty, terrain.isCalm else { return }
    guard let machine else { return violate("the agent is gone from a calm path") }
    let interval = machine.record.interval(agentConfiguration.paths).inSeconds
    if let limit = terrain.idleLimit, isOverWebSocket, interval >= limit {
      violate("a heartbeat every \(interval) s on a path that allows \(limit) s")
    }
    let late = drops.filter { $0 >= since }
    if !late.isEmpty {
      violate(
        "\(late.count) drops after the path was learnt, the first at \(late[0] / 1_000_000) s")
    }
  }

  /// Whether limits of connections concern the link that there is.
  private var isOverWebSocket: Bool {
    connections.contains {
      $0.agentRun == agentRun && $0.attempt == machine?.attempt && $0.isWebSocket
    }
  }
}
