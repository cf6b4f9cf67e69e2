import DeviceProtocol
import TelemetryModel

/// What becomes due.
extension LinkMachine {
  /// Whether the next `tick` at this time connects: the moment to look where packets go now.
  package func isConnectDue(at now: Duration) -> Bool {
    if case .waiting(let until) = phase { now >= until } else { false }
  }

  /// The moment at which `tick` must be called; nil while only events matter.
  package var deadline: Duration? {
    var moments: [Duration?] = [stopDeadline, nextFlush, wear.due, commandDeadline]
    switch phase {
    case .stopped: return nil
    case .waiting(let until): moments.append(until)
    case .linking:
      moments += [
        link?.deadline, successor?.deadline, retiring?.until, spare?.deadline, epochChange,
      ]
      // What cannot begin now must not wake anyone.
      guard isUp, stopDeadline == nil, epochChange == nil else { break }
      if successor == nil, retiring == nil { moments.append(trials.successorDue) }
      if spare == nil { moments.append(trials.probe) }
    }
    return moments.compactMap(\.self).min()
  }

  /// Time has passed.
  package mutating func tick(
    at now: SampleTime, using generator: inout some RandomNumberGenerator
  ) -> [LinkAction] {
    if case .stopped = phase { return [] }
    if let stopDeadline, now.monotonic >= stopDeadline { return finish(.normal) }
    return flushIfDue(at: now.monotonic) + tickCommands(at: now)
      + advance(at: now, using: &generator) + advanceOthers(at: now, using: &generator)
  }

  private mutating func advance(
    at now: SampleTime, using generator: inout some RandomNumberGenerator
  ) -> [LinkAction] {
    if case .waiting(let until) = phase {
      return now.monotonic >= until ? connect(at: now.monotonic) : []
    }
    if let epochChange, now.monotonic >= epochChange { return changeEpoch(at: now.monotonic) }
    guard let attempt = link?.attempt else { return [] }
    switch link?.due(at: now.monotonic, using: &generator) {
    case .heartbeat(let id):
      return [.send(.heartbeat(id: id, monoSeconds: now.monotonic.inSeconds), on: attempt)]
    case .notWelcomed:
      return [.close(attempt, .heartbeatLost, detail: "no welcome")]
        + endLink(notWelcomed(link), at: now, using: &generator)
    case .dead: return giveUp(.heartbeatLost, "", at: now, using: &generator)
    case .nothing, nil: return []
    }
  }
}
