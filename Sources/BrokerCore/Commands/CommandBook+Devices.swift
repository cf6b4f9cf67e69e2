package import DeviceProtocol
package import TelemetryModel

/// What devices have to say.
extension CommandBook {
  /// A device's link is open: what it may have heard of is sent once more, in order, and as much as it
  /// takes of what waits.
  package mutating func linkOpened(
    _ device: DeviceID, profile: ProfileSummary?, now: Timestamp
  ) -> [Action] {
    var queue = devices[device] ?? CommandQueue()
    queue.isOnline = true
    var actions: [Action] = []
    if let profile {
      let abilities = DeviceAbilities(profile)
      if queue.abilities != abilities { actions.append(.write([.abilities(device, abilities)])) }
      queue.abilities = abilities
    }
    devices[device] = queue
    for id in queue.inFlight {
      questions.drop(about: id)
      guard let life = commands[id] else { continue }
      actions += life.status.cancelled == nil ? send(life, now: now) : ask(life)
    }
    return actions + pump(device, now: now)
  }

  /// A device has no link any more.
  package mutating func linkClosed(_ device: DeviceID) {
    devices[device]?.isOnline = false
    forgetIfEmpty(device)
  }

  /// An operator had a device forgotten: what it has not heard of is not sent to whoever comes under
  /// its name.
  package mutating func forgotten(_ device: DeviceID, now: Timestamp) -> [Action] {
    guard let queue = devices[device] else { return [] }
    devices[device]?.isOnline = false
    devices[device]?.abilities = nil
    var actions: [Action] = [.write([.abilities(device, nil)])]
    for id in queue.waiting {
      guard var life = commands[id],
        let event = life.rejected("the device was forgotten", now: now)
      else { continue }
      commands[id] = life
      actions += happened(event, to: life, now: now)
    }
    forgetIfEmpty(device)
    return actions
  }

  /// A device answered a request; nil where this is no request of the book's, or not to that device.
  package mutating func answered(
    _ id: String, _ response: RPCResponse, from device: DeviceID, now: Timestamp
  ) -> [Action]? {
    switch questions.answered(id, by: device) {
    case nil: return nil
    case .command(let command):
      guard var life = commands[command] else { return [] }
      let event: CommandEvent? =
        switch response {
        case .result(let json):
          switch Result(catching: { () throws(ProtocolError) in try CommandState(json: json) }) {
          case .success(let state): life.answered(state, now: now)
          case .failure(let fault): life.answeredNonsense("\(fault)", now: now)
          }
        case .error(let error): life.refused(error, now: now)
        }
      return keep(life, event, now: now)
    case .cancel(let command):
      guard var life = commands[command] else { return [] }
      let event = CommandBook.cancelAnswer(response, &life, now: now)
      return keep(life, event, now: now)
    }
  }

  private static func cancelAnswer(
    _ response: RPCResponse, _ life: inout CommandLife, now: Timestamp
  ) -> CommandEvent? {
    switch response {
    case .result(let json):
      guard let state = try? CommandState(json: json) else { return nil }
      return life.answered(state, now: now)
    case .error(let error):
      // Anything else leaves it to the device's report or the deadline.
      guard error.data?.code == RPCError.Word.notFound.rawValue else { return nil }
      return life.cancelledUnheard(now: now)
    }
  }

  /// A device says how far a command is; nil where it may not.
  package mutating func progressed(
    _ progress: CommandProgress, from device: DeviceID, now: Timestamp
  ) -> [Action]? {
    guard var life = commands[progress.command], life.order.device == device,
      life.status.attempts > 0
    else { return nil }
    let event = life.progressed(now: now)
    return keep(life, event, now: now) + [.progressed(life.order.id, device, progress)]
  }

  /// A device says how a command ended.
  package mutating func finished(
    _ report: CommandFinished, from device: DeviceID, now: Timestamp
  ) -> Report {
    guard var life = commands[report.command] else { return .notHere }
    guard life.order.device == device else { return .refused(.foreignCommand) }
    switch life.finished(report, now: now) {
    case .impossible: return .refused(.neverSent)
    case .repeated: return .known
    case .news(let event): return .news(keep(life, event, now: now))
    }
  }
}
