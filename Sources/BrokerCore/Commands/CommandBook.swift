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

  private struct Device: Sendable {
    var waiting: [String] = []
    var inFlight: [String] = []
    var isOnline = false
    var abilities: DeviceAbilities?

    var isForgettable: Bool { waiting.isEmpty && inFlight.isEmpty && !isOnline }
  }

  private enum Question: Hashable, Sendable {
    case command(String)
    case cancel(String)
  }

  private let policy: CommandLife.Policy
  private let newRequestID: @Sendable () -> String
  private var commands: [String: CommandLife] = [:]
  private var devices: [DeviceID: Device] = [:]
  private var deadlines = DeadlineHeap()
  /// Requests whose answers are awaited, by their ids.
  private var questions: [String: (device: DeviceID, question: Question)] = [:]
  private var questionsByCommand: [String: [String]] = [:]

  /// Starts with what was kept; commands that were in flight still are. `newRequestID` names requests.
  package init(
    _ contents: CommandContents = CommandContents(), policy: CommandLife.Policy,
    newRequestID: @escaping @Sendable () -> String
  ) {
    self.policy = policy
    self.newRequestID = newRequestID
    for (device, abilities) in contents.profiles {
      devices[device, default: Device()].abilities = abilities
    }
    for stored in contents.commands {
      let life = CommandLife(stored.order, status: stored.status, policy: policy)
      commands[stored.order.id] = life
      if life.state == .queued {
        devices[stored.order.device, default: Device()].waiting.append(stored.order.id)
      } else {
        devices[stored.order.device, default: Device()].inFlight.append(stored.order.id)
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
  package func count(of device: DeviceID) -> Int {
    devices[device].map { $0.waiting.count + $0.inFlight.count } ?? 0
  }

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
    devices[order.device, default: Device()].waiting.append(order.id)
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
    remove(id, of: life.order.device)
    dropQuestions(of: id)
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

  // MARK: - From devices

  /// A device's link is open: what it may have heard of is sent once more, in order, and as much as it
  /// takes of what waits.
  package mutating func linkOpened(
    _ device: DeviceID, profile: ProfileSummary?, now: Timestamp
  ) -> [Action] {
    var entry = devices[device] ?? Device()
    entry.isOnline = true
    var actions: [Action] = []
    if let profile {
      let abilities = DeviceAbilities(profile)
      if entry.abilities != abilities { actions.append(.write([.abilities(device, abilities)])) }
      entry.abilities = abilities
    }
    devices[device] = entry
    for id in entry.inFlight {
      dropQuestions(of: id)
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
    guard let entry = devices[device] else { return [] }
    devices[device]?.isOnline = false
    devices[device]?.abilities = nil
    var actions: [Action] = [.write([.abilities(device, nil)])]
    for id in entry.waiting {
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
    guard let (asked, question) = questions[id], asked == device else { return nil }
    questions[id] = nil
    switch question {
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

  private mutating func keep(
    _ life: CommandLife, _ event: CommandEvent?, now: Timestamp
  ) -> [Action] {
    guard let event else { return [] }
    commands[life.order.id] = life
    return happened(event, to: life, now: now)
  }

  /// Makes an event durable and told; what it makes room for follows.
  private mutating func happened(
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
    remove(id, of: life.order.device)
    dropQuestions(of: id)
    defer { forgetIfEmpty(life.order.device) }
    return actions + pump(life.order.device, now: now)
  }

  /// Sends what waits for a device, as far as it is here and takes more.
  private mutating func pump(_ device: DeviceID, now: Timestamp) -> [Action] {
    var actions: [Action] = []
    while let entry = devices[device], entry.isOnline, let id = entry.waiting.first,
      entry.inFlight.count < max(1, entry.abilities?.atOnce ?? 1)
    {
      devices[device]?.waiting.removeFirst()
      guard var life = commands[id] else { continue }
      if let event = life.tick(now: now) ?? unfit(&life, entry.abilities, now: now) {
        commands[id] = nil
        let stored = StoredCommand(order: life.order, status: life.status)
        actions.append(.write([.status(id, life.status), .audit(AuditLine(event, of: life))]))
        actions.append(.changed(id, stored, event))
        continue
      }
      devices[device]?.inFlight.append(id)
      actions += send(life, now: now)
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

  private mutating func send(_ life: CommandLife, now: Timestamp) -> [Action] {
    var life = life
    guard let event = life.sent(now: now) else { return [] }
    let order = life.order
    commands[order.id] = life
    arm(life)
    let request = CommandRequest(
      command: order.id, name: order.name, params: order.params, expires: order.expires,
      remainingSeconds: max(0, (order.expires - now).inSeconds), attempt: life.status.attempts)
    let id = asking(.command(order.id), of: order.device, about: order.id)
    return [
      .write([.status(order.id, life.status), .audit(AuditLine(event, of: life))]),
      .changed(order.id, StoredCommand(order: order, status: life.status), event),
      .send(order.device, .command(id: id, request)),
    ]
  }

  private mutating func ask(_ life: CommandLife) -> [Action] {
    guard devices[life.order.device]?.isOnline == true else { return [] }
    let id = asking(.cancel(life.order.id), of: life.order.device, about: life.order.id)
    return [.send(life.order.device, .cancelCommand(id: id, commandID: life.order.id))]
  }

  private mutating func asking(
    _ question: Question, of device: DeviceID, about command: String
  ) -> String {
    let id = newRequestID()
    questions[id] = (device, question)
    questionsByCommand[command, default: []].append(id)
    return id
  }

  private mutating func dropQuestions(of command: String) {
    for id in questionsByCommand.removeValue(forKey: command) ?? [] { questions[id] = nil }
  }

  private mutating func remove(_ id: String, of device: DeviceID) {
    devices[device]?.waiting.removeAll { $0 == id }
    devices[device]?.inFlight.removeAll { $0 == id }
  }

  private mutating func forgetIfEmpty(_ device: DeviceID) {
    guard let entry = devices[device], entry.isForgettable, entry.abilities == nil else { return }
    devices[device] = nil
  }
}

extension RPCError {
  /// A device speaks of another's command.
  static let foreignCommand = RPCError(
    .notYourDevice, "this command is not for this device", field: "params.command")

  /// A device speaks of a command that it cannot know.
  static let neverSent = RPCError(
    .notFound, "this command was never sent", field: "params.command")

  /// There is no such command.
  static func noCommand(_ id: String) -> RPCError {
    RPCError(.notFound, "there is no command \(id.prefix(64))", field: "params.command")
  }
}

extension AuditLine {
  /// What happened to a command. What was ordered stands with the first line, what came of it with the
  /// last; output stays with the command.
  init(_ event: CommandEvent, of life: CommandLife) {
    var detail = JSONObject()
    detail["name"] = .string(life.order.name)
    switch event.kind {
    case .state(.queued):
      detail["params"] = .object(life.order.params)
      detail["expires"] = .number(life.order.expires.seconds)
    case .state(let state) where state.isFinal:
      detail["exitCode"] = life.status.result?.exitCode.map { .number(Double($0)) }
    default: break
    }
    self.init(
      time: event.time, actor: event.actor.description, event: event.word,
      device: life.order.device, command: life.order.id, rollout: life.order.rollout,
      cause: event.cause, detail: .object(detail))
  }
}
