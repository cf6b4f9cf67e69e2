import DeviceProtocol
package import Logging
package import TelemetryModel

/// Takes orders for devices, keeps them, and carries out what ``CommandBook`` decides.
///
/// Everything goes through one outbox in order: changes are written together, many at a time, and what
/// stands behind them (a message to a device, an answer, news for those who watch) is done once they
/// are durable. So nothing is ever shown or sent that a power cut would take back.
package actor CommandDesk {
  /// Constants.
  package struct Policy: Sendable {
    /// Constants of commands.
    package var life = CommandLife.Policy()
    /// How long an order waits to be started where nobody says.
    package var ttl: Duration = .seconds(3_600)
    /// The longest that somebody may say.
    package var longestTTL: Duration = .seconds(30 * 86_400)
    /// The most commands that may wait for one device.
    package var maxWaiting = 1_000
    /// How long to wait until a store that failed is tried again.
    package var retryAfter: Duration = .seconds(1)
    /// Refused reports of one device are audited at most this often.
    package var refusalInterval: Duration = .seconds(10)

    /// The defaults above.
    package init() {}
  }

  let store: any RolloutStore
  let registry: DeviceRegistry
  let policy: Policy
  private let tellReader: @Sendable (LiveMessage, ReaderID) -> Void
  private let announce: @Sendable (LiveMessage) async -> Void
  let logger: Logger
  /// A clock that never jumps while the broker runs, and began as the wall clock.
  let now: @Sendable () -> Timestamp
  nonisolated let inputs = DeviceInputs()
  private let (rolloutWakes, rolloutWake) = AsyncStream<Void>.makeStream(
    bufferingPolicy: .bufferingNewest(1))
  private let (wakes, wake) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

  var book: CommandBook
  var outbox = CommandOutbox()
  var links: [DeviceID: (generation: UInt64, link: any DeviceLinkHandle)] = [:]
  /// Orders under a key that may not be in the store yet.
  private var keys: [OrderKey: String] = [:]
  /// Rollouts that are not over.
  var rollouts: [String: Rollout] = [:]
  /// Whether the store failed the last time.
  private(set) var isFailing = false
  var news: [String: CommandNews] = [:]
  private var watchers: [String: Set<ReaderID>] = [:]
  var waiters: [String: [Int: CheckedContinuation<Void, Never>]] = [:]
  var lastWaiter = 0
  /// Counts news.
  var toldCount = 0
  var isStopping = false
  /// Whether nothing is written any more.
  private(set) var isOver = false
  var lastRefusals: [DeviceID: Timestamp] = [:]
  private var random = SystemRandomNumberGenerator()

  private struct OrderKey: Hashable {
    var device: DeviceID
    var key: String
  }

  /// A desk over what the store holds. `tellReader` takes messages for single readers of live
  /// data, `announce` those for all who watch devices.
  package init(
    store: any RolloutStore, contents: CommandContents, rollouts: [StoredRollout] = [],
    registry: DeviceRegistry,
    tellReader: @escaping @Sendable (LiveMessage, ReaderID) -> Void,
    announce: @escaping @Sendable (LiveMessage) async -> Void,
    policy: Policy = Policy(), logger: Logger, now: @escaping @Sendable () -> Timestamp
  ) {
    self.store = store
    self.registry = registry
    self.tellReader = tellReader
    self.announce = announce
    self.policy = policy
    self.logger = logger
    self.now = now
    book = CommandBook(contents, policy: policy.life, newRequestID: BrokerRequestID.next)
    for stored in rollouts {
      self.rollouts[stored.plan.id] = Rollout(
        stored.plan, status: stored.status, parts: stored.parts.map { ($0.device, $0.part) }
      ) { stored.outcomes[$0] }
    }
    for stored in contents.commands {
      if let key = stored.order.key {
        keys[OrderKey(device: stored.order.device, key: key)] = stored.order.id
      }
    }
  }

  // MARK: - Running

  /// Works until ``stop()``; then writes what is left.
  package func run() async {
    await withTaskGroup(of: Void.self) { tasks in
      tasks.addTask { await self.takeInputs() }
      tasks.addTask { await self.watchClock() }
      tasks.addTask { await self.watchRollouts() }
      await self.writeAll()
      await self.end()
      tasks.cancelAll()
    }
  }

  /// Writes what is left, if the store takes it; whoever still waits is told that it did not happen.
  /// Devices repeat what was not confirmed.
  private func end() async {
    isStopping = true
    await flush()
    for entry in outbox.take() {
      for effect in entry.effects {
        switch effect {
        case .ordered(_, let waiter): waiter.resume(returning: false)
        case .done(let waiter): waiter.resume(returning: false)
        case .act, .confirm: break
        }
      }
    }
    isOver = true
    stopWaiting()
  }

  /// Ends ``run()``; nothing is taken from devices any more.
  package nonisolated func stop() {
    inputs.finish()
    rolloutWake.finish()
    wake.finish()
  }

  private func takeInputs() async {
    for await input in inputs.stream {
      inputs.took(input)
      await take(input)
    }
  }

  private func watchClock() async {
    while !Task.isCancelled {
      let due = (book.deadline ?? .distantFuture) - now()
      try? await Task.sleep(for: min(max(due, .milliseconds(1)), .seconds(1)))
      submit(book.tick(now: now()))
      if !rollouts.isEmpty { wakeRollouts() }
    }
  }

  private func watchRollouts() async {
    for await _ in rolloutWakes {
      stepRollouts()
      // Devices that come and go in numbers make one step, not one each.
      try? await Task.sleep(for: .milliseconds(5))
    }
  }

  func wakeRollouts() { rolloutWake.yield() }

  func wakeWriter() { wake.yield() }

  /// Whether a device has a link.
  func isOnline(_ device: DeviceID) -> Bool { links[device] != nil }

  /// An id for something new.
  func newID(now: Timestamp) -> String { CommandID.make(now: now, using: &random) }

  private func writeAll() async {
    for await _ in wakes {
      while !outbox.isEmpty {
        if await flush() { continue }
        if isStopping || Task.isCancelled { return }
        try? await Task.sleep(for: policy.retryAfter)
      }
    }
  }

  /// Writes what waits and does what stands behind it; false where the store failed.
  @discardableResult
  private func flush() async -> Bool {
    let entries = outbox.take()
    let changes = entries.flatMap(\.changes)
    if !changes.isEmpty {
      do {
        try await store.write(changes)
        isFailing = false
      } catch {
        if !isFailing {
          logger.error("Commands could not be written", metadata: ["error": "\(error)"])
        }
        isFailing = true
        outbox.putBack(entries)
        withdrawOrders()
        for waiter in outbox.withdrawWaiters() { waiter.resume(returning: false) }
        return false
      }
    }
    for entry in entries {
      for effect in entry.effects { await perform(effect) }
    }
    return true
  }

  /// Of orders that nobody was told of nothing is written, so they can be refused as if they had never
  /// been.
  private func withdrawOrders() {
    for order in outbox.withdrawOrders() {
      if let stored = book[order.id], let key = stored.order.key {
        keys[OrderKey(device: stored.order.device, key: key)] = nil
      }
      outbox.add(book.withdraw(order.id, now: now()))
      order.waiter.resume(returning: false)
    }
  }

  func submit(_ actions: [CommandBook.Action], then effects: [CommandOutbox.Effect] = []) {
    guard !actions.isEmpty || !effects.isEmpty else { return }
    outbox.add(actions, then: effects)
    wake.yield()
  }

  private func perform(_ effect: CommandOutbox.Effect) async {
    switch effect {
    case .act(.write): break
    case .act(.send(let device, let message)): links[device]?.link.send(message)
    case .act(.changed(let id, let command, let event)): await tell(id, command, event)
    case .act(.progressed(let id, let device, let progress)):
      let message = CommandJSON.progressed(progress, of: device)
      for reader in watchers[id] ?? [] { tellReader(message, reader) }
      wakeWaiters(of: id)
    case .confirm(let request, let link): link.send(.commandFinishedReply(id: request))
    case .ordered(_, let waiter): waiter.resume(returning: true)
    case .done(let waiter): waiter.resume(returning: true)
    }
  }

  private func tell(_ id: String, _ command: StoredCommand, _ event: CommandEvent) async {
    logger.debug(
      "Command changed",
      metadata: [
        "command": "\(id)", "device": "\(command.order.device)", "event": "\(event.word)",
        "cause": "\(event.cause)",
      ])
    let message = CommandJSON.changed(command, event)
    for reader in watchers[id] ?? [] { tellReader(message, reader) }
    wakeWaiters(of: id)
    if command.status.state.isFinal {
      if let rollout = command.order.rollout, rollouts[rollout] != nil {
        rollouts[rollout]?.ended(command.order.device, command.status.state)
        wakeRollouts()
      }
      news[id] = nil
      watchers[id] = nil
      if let key = command.order.key {
        keys[OrderKey(device: command.order.device, key: key)] = nil
      }
    }
    await announce(message)
  }

  // MARK: - Orders

  /// Takes an order; when this returns, it is durable.
  ///
  /// - Parameters:
  ///   - wish: what is wanted.
  ///   - device: of which device.
  ///   - actor: who wants it.
  /// - Returns: the command, and whether the order was a repeated one.
  /// - Throws: why it is not taken.
  package func order(
    _ wish: CommandWish, for device: DeviceID, by actor: String
  ) async throws(CommandRefusal) -> (view: CommandView, isRepeated: Bool) {
    if let earlier = try await earlier(wish, device) { return (earlier, true) }
    guard registry[device] != nil else { throw .unknownDevice(device) }
    let ttl = try checked(wish.ttl)
    guard !isFailing, !isOver else { throw .storeUnavailable }
    let now = now()
    let order = try checked(wish, for: device, by: actor, expires: now + ttl, now: now)
    if let key = wish.key { keys[OrderKey(device: device, key: key)] = order.id }
    let actions = book.order(order, now: now)
    let isKept = await withCheckedContinuation { waiter in
      submit(actions, then: [.ordered(order.id, waiter)])
    }
    guard isKept, let view = try await view(order.id) else { throw .storeUnavailable }
    return (view, false)
  }

  /// How long an order may wait.
  func checked(_ ttl: Duration?) throws(CommandRefusal) -> Duration {
    let ttl = ttl ?? policy.ttl
    guard ttl <= policy.longestTTL else {
      throw .malformed("ttl", "expected at most \(Int(policy.longestTTL.inSeconds)) seconds")
    }
    return ttl
  }

  /// The order that a wish makes for a device, held against what the device can do.
  func checked(
    _ wish: CommandWish, for device: DeviceID, by actor: String, expires: Timestamp,
    now: Timestamp
  ) throws(CommandRefusal) -> CommandOrder {
    guard let abilities = book.abilities(of: device) else {
      throw .unknownCommand(wish.name, known: [])
    }
    let (declaration, params) = try wish.check(abilities)
    guard book.count(of: device) < policy.maxWaiting else {
      throw .tooMany(limit: policy.maxWaiting)
    }
    return CommandOrder(
      id: newID(now: now), device: device, name: wish.name, params: params, created: now,
      expires: expires, runLimit: policy.runLimit(of: declaration), actor: actor,
      rollout: wish.rollout, key: wish.key, request: wish.key == nil ? "" : wish.fingerprint)
  }

  /// The command that was ordered under the wish's key before.
  private func earlier(
    _ wish: CommandWish, _ device: DeviceID
  ) async throws(CommandRefusal) -> CommandView? {
    guard let key = wish.key else { return nil }
    guard !isFailing, !isOver else { throw .storeUnavailable }
    // Ordered a moment ago, and perhaps not written yet.
    if keys[OrderKey(device: device, key: key)] != nil {
      guard await settled() else { throw .storeUnavailable }
    }
    let found: CommandRecord?
    do {
      found = try await store.command(for: device, key: key)
    } catch {
      throw .storeUnavailable
    }
    if let found {
      guard found.command.order.request == wish.fingerprint else { throw .keyReused }
      return CommandView(record: found, news: news[found.command.order.id])
    }
    // Ordered by somebody else while the store was asked.
    guard keys[OrderKey(device: device, key: key)] != nil else { return nil }
    return try await earlier(wish, device)
  }

  /// Waits until all that has been submitted is durable and done; false where the store failed
  /// meanwhile. What was submitted stands all the same, and is written when the store takes it.
  func settled() async -> Bool {
    guard !isOver else { return false }
    return await withCheckedContinuation { submit([], then: [.done($0)]) }
  }

  /// Cancels a command, or asks its device to stop it.
  ///
  /// - Throws: where there is none, or it has ended; where the store fails, and then it is still
  ///   cancelled once the store takes it.
  package func cancel(
    _ id: String, by actor: String
  ) async throws(CommandRefusal) -> CommandView {
    guard !isFailing, !isOver else { throw .storeUnavailable }
    switch book.cancel(id, by: actor, now: now()) {
    case .done(let actions):
      submit(actions)
      guard await settled() else { throw .storeUnavailable }
      guard let view = try await view(id) else { throw .notFound(id) }
      return view
    case .notHere:
      // It may have ended just now.
      guard await settled() else { throw .storeUnavailable }
      guard let view = try await view(id) else { throw .notFound(id) }
      throw .ended(view.record.command.status.state)
    }
  }

  // MARK: - Watching

  /// Tells a reader of live data what becomes of a command, from what this returns on; nil where there
  /// is none.
  ///
  /// - Throws: where the store cannot be read.
  package func watch(
    _ id: String, _ reader: ReaderID
  ) async throws(CommandRefusal) -> CommandView? {
    // Entered before it is read, so that nothing falls in between.
    watchers[id, default: []].insert(reader)
    var isOver = true
    defer { if isOver { unwatch(id, reader) } }
    let view = try await view(id)
    isOver = view?.record.command.status.state.isFinal ?? true
    return view
  }

  /// Tells a reader how commands are now, of whose news it missed some; returns those of which it could
  /// not be told because the store cannot be read, after a while.
  package func tell(_ reader: ReaderID, of commands: [String]) async -> [String] {
    for (index, id) in commands.enumerated() {
      do throws(CommandRefusal) {
        guard let view = try await view(id), let message = CommandJSON.changed(view) else {
          continue
        }
        tellReader(message, reader)
      } catch {
        try? await Task.sleep(for: policy.retryAfter)
        return Array(commands[index...])
      }
    }
    return []
  }

  private func unwatch(_ id: String, _ reader: ReaderID) {
    watchers[id]?.remove(reader)
    if watchers[id]?.isEmpty == true { watchers[id] = nil }
  }

  /// Forgets a reader whose connection has ended.
  package func remove(_ reader: ReaderID) {
    for id in watchers.filter({ $0.value.contains(reader) }).keys { unwatch(id, reader) }
  }
}

extension CommandDesk.Policy {
  /// How long a command may run.
  func runLimit(of declaration: CommandDeclaration) -> Duration {
    guard let seconds = declaration.timeoutSeconds, seconds > 0 else { return life.runLimit }
    return min(.fromSeconds(seconds), life.longestRun)
  }
}
