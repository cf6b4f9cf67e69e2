package import DeviceProtocol
package import TelemetryModel

/// All commands that are not over, and who waits for whom: a pure machine.
///
/// Each device has a queue, in the order in which commands were ordered. As many are in flight at a
/// time as its profile allows; a command that the device says nothing of makes room when its own
/// deadline comes. What is to be done is returned as ``Action``s in their order: whatever stands behind
/// a `write` may only be done once that is durable.
package struct CommandBook: Sendable {
  /// What is to be done.
  package enum Action: Hashable, Sendable {
    /// Make these durable, together.
    case write([CommandChange])
    /// Send a message over the device's newest link.
    case send(DeviceID, BrokerMessage)
    /// Somebody who watches wants to know: the command is in a new state.
    case changed(String, StoredCommand, CommandEvent)
    /// Somebody who watches wants to know how far it is.
    case progressed(String, DeviceID, CommandProgress)
  }

  /// What a report of a command's end came to.
  package enum Report: Sendable {
    /// It is news: confirm it when the actions are done.
    case news([Action])
    /// It was known; confirm it.
    case known
    /// This book has no such command; ask the store.
    case notHere
    /// It is forged or mistaken; why.
    case refused(RPCError)
  }

  /// What a wish to cancel came to.
  package enum Cancel: Sendable {
    /// It is cancelled, or the device is asked.
    case done([Action])
    /// This book has no such command: it is over, or there is none.
    case notHere
  }

  private let policy: CommandLife.Policy
  var commands: [String: CommandLife] = [:]
  var devices: [DeviceID: CommandQueue] = [:]
  private var deadlines = DeadlineHeap()
  var questions: CommandQuestions

  /// Starts with what was kept; commands that were in flight still are. `newRequestID` names requests.
  package init(
    _ contents: CommandContents = CommandContents(), policy: CommandLife.Policy,
    newRequestID: @escaping @Sendable () -> String
  ) {
    self.policy = policy
    questions = CommandQuestions(newRequestID: newRequestID)
    for (device, abilities) in contents.profiles {
      devices[device, default: CommandQueue()].abilities = abilities
    }
    for stored in contents.commands {
      let life = CommandLife(stored.order, status: stored.status, policy: policy)
      commands[stored.order.id] = life
      if life.state == .queued {
        devices[stored.order.device, default: CommandQueue()].add(stored.order.id)
      } else {
        devices[stored.order.device, default: CommandQueue()].resume(stored.order.id)
      }
      arm(life)
    }
  }

  // MARK: - What is known

  /// How many commands are not over.
  package var count: Int { commands.count }

  /// A command that is not over.
  package subscript(id: String) -> StoredCommand? {
    commands[id].map { StoredCommand(order: $0.order, status: $0.status) }
  }

  /// What a device can be told to do, as it last said.
  package func abilities(of device: DeviceID) -> DeviceAbilities? { devices[device]?.abilities }

  /// How many commands of a device are not over.
  package func count(of device: DeviceID) -> Int { devices[device]?.count ?? 0 }

  /// The commands of a rollout that are not over, in no order.
  package func commands(ofRollout rollout: String) -> [String] {
    commands.values.filter { $0.order.rollout == rollout }.map(\.order.id)
  }

  /// When ``tick(now:)`` is next to be called.
  package var deadline: Timestamp? { deadlines.next }

  // MARK: - From those who order

  /// Takes a checked order; sends it at once if it can.
  package mutating func order(_ order: CommandOrder, now: Timestamp) -> [Action] {
    let life = CommandLife(order, policy: policy)
    commands[order.id] = life
    devices[order.device, default: CommandQueue()].add(order.id)
    arm(life)
    let stored = StoredCommand(order: order, status: life.status)
    return [
      .write([.new(stored), .audit(AuditLine(life.ordered, of: life))]),
      .changed(order.id, stored, life.ordered),
    ] + pump(order.device, now: now)
  }

  /// Takes an order back of which nothing could be written; what waits behind it may go.
  package mutating func withdraw(_ id: String, now: Timestamp) -> [Action] {
    guard let life = commands.removeValue(forKey: id) else { return [] }
    devices[life.order.device]?.remove(id)
    questions.drop(about: id)
    return pump(life.order.device, now: now)
  }

  /// Somebody wants a command stopped.
  package mutating func cancel(_ id: String, by actor: String, now: Timestamp) -> Cancel {
    guard var life = commands[id] else { return .notHere }
    switch life.cancel(by: actor, now: now) {
    case .tooLate: return .notHere
    case .asked: return .done([])
    case .done(let event):
      commands[id] = life
      return .done(happened(event, to: life, now: now))
    case .ask(let event):
      commands[id] = life
      return .done(happened(event, to: life, now: now) + ask(life))
    }
  }

  // MARK: - From the clock

  /// Ends what is over; to be called at ``deadline``.
  package mutating func tick(now: Timestamp) -> [Action] {
    var actions: [Action] = []
    while let id = deadlines.popDue(now: now) {
      guard var life = commands[id], let deadline = life.deadline else { continue }
      if let event = life.tick(now: now) {
        actions += keep(life, event, now: now)
      } else {
        deadlines.add(id, at: deadline)
      }
    }
    return actions
  }

  // MARK: - Inside

  private mutating func arm(_ life: CommandLife) {
    if let deadline = life.deadline { deadlines.add(life.order.id, at: deadline) }
  }

  mutating func keep(
    _ life: CommandLife, _ event: CommandEvent?, now: Timestamp
  ) -> [Action] {
    guard let event else { return [] }
    commands[life.order.id] = life
    return happened(event, to: life, now: now)
  }

  /// Makes an event durable and told; what it makes room for follows.
  mutating func happened(
    _ event: CommandEvent, to life: CommandLife, now: Timestamp
  ) -> [Action] {
    let id = life.order.id
    let stored = StoredCommand(order: life.order, status: life.status)
    let actions: [Action] = [
      .write([.status(id, life.status), .audit(AuditLine(event, of: life))]),
      .changed(id, stored, event),
    ]
    guard life.state.isFinal else {
      arm(life)
      return actions
    }
    commands[id] = nil
    devices[life.order.device]?.remove(id)
    questions.drop(about: id)
    defer { forgetIfEmpty(life.order.device) }
    return actions + pump(life.order.device, now: now)
  }

  /// Sends what waits for a device, as far as it is here and takes more.
  mutating func pump(_ device: DeviceID, now: Timestamp) -> [Action] {
    var actions: [Action] = []
    while let id = devices[device]?.sendNext() {
      guard var life = commands[id] else {
        devices[device]?.remove(id)
        continue
      }
      let abilities = devices[device]?.abilities
      guard let event = life.tick(now: now) ?? unfit(&life, abilities, now: now) else {
        actions += send(life, now: now)
        continue
      }
      devices[device]?.remove(id)
      commands[id] = nil
      let stored = StoredCommand(order: life.order, status: life.status)
      actions.append(.write([.status(id, life.status), .audit(AuditLine(event, of: life))]))
      actions.append(.changed(id, stored, event))
    }
    return actions
  }

  /// The profile may have changed since the order.
  private func unfit(
    _ life: inout CommandLife, _ abilities: DeviceAbilities?, now: Timestamp
  ) -> CommandEvent? {
    guard let declaration = abilities?[life.order.name] else {
      return life.rejected("the device does not offer it any more", now: now)
    }
    do {
      _ = try declaration.check(life.order.params)
      return nil
    } catch {
      return life.rejected("it does not fit the device's profile any more: \(error)", now: now)
    }
  }

  mutating func send(_ life: CommandLife, now: Timestamp) -> [Action] {
    var life = life
    guard let event = life.sent(now: now) else { return [] }
    let order = life.order
    commands[order.id] = life
    arm(life)
    let request = CommandRequest(
      command: order.id, name: order.name, params: order.params, expires: order.expires,
      remainingSeconds: max(0, (order.expires - now).inSeconds), attempt: life.status.attempts)
    let id = questions.ask(.command(order.id), of: order.device)
    return [
      .write([.status(order.id, life.status), .audit(AuditLine(event, of: life))]),
      .changed(order.id, StoredCommand(order: order, status: life.status), event),
      .send(order.device, .command(id: id, request)),
    ]
  }

  mutating func ask(_ life: CommandLife) -> [Action] {
    guard devices[life.order.device]?.isOnline == true else { return [] }
    let id = questions.ask(.cancel(life.order.id), of: life.order.device)
    return [.send(life.order.device, .cancelCommand(id: id, commandID: life.order.id))]
  }

  mutating func forgetIfEmpty(_ device: DeviceID) {
    if devices[device]?.isForgettable == true { devices[device] = nil }
  }
}
