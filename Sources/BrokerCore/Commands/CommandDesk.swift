package import DeviceProtocol
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

  let store: any CommandStore
  let registry: DeviceRegistry
  let policy: Policy
  private let tellReader: @Sendable ([UInt8], ReaderID) -> Void
  private let announce: @Sendable ([UInt8]) async -> Void
  let logger: Logger
  /// A clock that never jumps while the broker runs, and began as the wall clock.
  let now: @Sendable () -> Timestamp
  private nonisolated let inputs = DeviceInputs()
  private let (wakes, wake) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

  var book: CommandBook
  var outbox = CommandOutbox()
  private var links: [DeviceID: (generation: UInt64, link: any DeviceLinkHandle)] = [:]
  /// Orders under a key that may not be in the store yet.
  private var keys: [OrderKey: String] = [:]
  /// Whether the store failed the last time.
  private(set) var isFailing = false
  var news: [String: CommandNews] = [:]
  private var watchers: [String: Set<ReaderID>] = [:]
  var waiters: [String: [Int: CheckedContinuation<Void, Never>]] = [:]
  var lastWaiter = 0
  /// Counts news.
  var toldCount = 0
  var isStopping = false
  private var lastRefusals: [DeviceID: Timestamp] = [:]
  private var random = SystemRandomNumberGenerator()

  private struct OrderKey: Hashable {
    var device: DeviceID
    var key: String
  }

  /// A desk over what the store holds. `tellReader` takes messages for single readers of live
  /// data, `announce` those for all who watch devices.
  package init(
    store: any CommandStore, contents: CommandContents, registry: DeviceRegistry,
    tellReader: @escaping @Sendable ([UInt8], ReaderID) -> Void,
    announce: @escaping @Sendable ([UInt8]) async -> Void,
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
      await self.writeAll()
      tasks.cancelAll()
    }
    await flush()
  }

  /// Ends ``run()``; nothing is taken from devices any more.
  package nonisolated func stop() {
    inputs.finish()
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
    }
  }

  private func writeAll() async {
    for await _ in wakes {
      while !outbox.isEmpty {
        guard await flush() else {
          try? await Task.sleep(for: policy.retryAfter)
          continue
        }
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
    case .done(let waiter): waiter.resume()
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
    guard let abilities = book.abilities(of: device) else {
      throw .unknownCommand(wish.name, known: [])
    }
    let (declaration, params) = try wish.check(abilities)
    guard book.count(of: device) < policy.maxWaiting else {
      throw .tooMany(limit: policy.maxWaiting)
    }
    let ttl = wish.ttl ?? policy.ttl
    guard ttl <= policy.longestTTL else {
      throw .malformed("ttl", "expected at most \(Int(policy.longestTTL.inSeconds)) seconds")
    }
    guard !isFailing else { throw .storeUnavailable }
    let now = now()
    let order = CommandOrder(
      id: CommandID.make(now: now, using: &random), device: device, name: wish.name,
      params: params, created: now, expires: now + ttl,
      runLimit: policy.runLimit(of: declaration), actor: actor, rollout: wish.rollout,
      key: wish.key, request: wish.key == nil ? "" : wish.fingerprint)
    if let key = wish.key { keys[OrderKey(device: device, key: key)] = order.id }
    let actions = book.order(order, now: now)
    let isKept = await withCheckedContinuation { waiter in
      submit(actions, then: [.ordered(order.id, waiter)])
    }
    guard isKept, let view = try await view(order.id) else { throw .storeUnavailable }
    return (view, false)
  }

  /// The command that was ordered under the wish's key before.
  private func earlier(
    _ wish: CommandWish, _ device: DeviceID
  ) async throws(CommandRefusal) -> CommandView? {
    guard let key = wish.key else { return nil }
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
    // Ordered a moment ago, and not written yet: wait until it is.
    guard let id = keys[OrderKey(device: device, key: key)] else { return nil }
    guard book[id]?.order.request == wish.fingerprint else { throw .keyReused }
    await settled()
    guard let view = try await view(id) else { throw .storeUnavailable }
    return view
  }

  /// Waits until all that has been submitted is durable and done.
  private func settled() async {
    await withCheckedContinuation { submit([], then: [.done($0)]) }
  }

  /// Cancels a command, or asks its device to stop it.
  ///
  /// - Throws: where there is none, or it has ended.
  package func cancel(
    _ id: String, by actor: String
  ) async throws(CommandRefusal) -> CommandView {
    guard !isFailing else { throw .storeUnavailable }
    switch book.cancel(id, by: actor, now: now()) {
    case .done(let actions):
      await withCheckedContinuation { submit(actions, then: [.done($0)]) }
      guard let view = try await view(id) else { throw .notFound(id) }
      return view
    case .notHere:
      guard let view = try await view(id) else { throw .notFound(id) }
      throw .ended(view.record.command.status.state)
    }
  }

  // MARK: - Watching

  /// Tells a reader of live data what becomes of a command, from now on.
  package func watch(_ id: String, _ reader: ReaderID) {
    guard book[id] != nil else { return }
    watchers[id, default: []].insert(reader)
  }

  /// Forgets a reader whose connection has ended.
  package func remove(_ reader: ReaderID) {
    for id in watchers.filter({ $0.value.contains(reader) }).keys {
      watchers[id]?.remove(reader)
      if watchers[id]?.isEmpty == true { watchers[id] = nil }
    }
  }

  // MARK: - From devices

  private func take(_ input: DeviceInputs.Input) async {
    let now = now()
    switch input {
    case .opened(let device, let generation, let link, let profile):
      links[device] = (generation, link)
      submit(book.linkOpened(device, profile: profile, now: now))
    case .closed(let device, let generation):
      guard links[device]?.generation == generation else { return }
      links[device] = nil
      book.linkClosed(device)
    case .forgotten(let device):
      submit(book.forgotten(device, now: now))
    case .response(let id, let response, let device):
      guard let actions = book.answered(id, response, from: device, now: now) else { return }
      submit(actions)
    case .progress(let progress, let device):
      guard let actions = book.progressed(progress, from: device, now: now) else {
        return refuse(.foreignCommand, progress.command, device)
      }
      news[progress.command, default: CommandNews()].add(progress)
      submit(actions)
    case .finished(let id, let report, let device, let link):
      await finished(id, report, device, link)
    }
  }

  private func finished(
    _ id: String, _ report: CommandFinished, _ device: DeviceID, _ link: any DeviceLinkHandle
  ) async {
    switch book.finished(report, from: device, now: now()) {
    case .news(let actions): submit(actions, then: [.confirm(id, link)])
    case .known: submit([], then: [.confirm(id, link)])
    case .refused(let error):
      link.send(.error(id: id, error))
      refuse(error, report.command, device)
    case .notHere: await finishedBefore(id, report, device, link)
    }
  }

  /// A report of a command that is over: repeated, or the device's own word after the broker gave up.
  private func finishedBefore(
    _ id: String, _ report: CommandFinished, _ device: DeviceID, _ link: any DeviceLinkHandle
  ) async {
    let record: CommandRecord?
    do {
      record = try await store.command(report.command)
    } catch {
      // Not confirmed, so the agent says it again.
      return
    }
    guard let record else {
      link.send(.error(id: id, .noCommand(report.command)))
      return refuse(.noCommand(report.command), report.command, device)
    }
    guard record.command.order.device == device else {
      link.send(.error(id: id, .foreignCommand))
      return refuse(.foreignCommand, report.command, device)
    }
    var life = CommandLife(
      record.command.order, status: record.command.status, policy: policy.life)
    switch life.finished(report, now: now()) {
    case .impossible:
      link.send(.error(id: id, .neverSent))
      refuse(.neverSent, report.command, device)
    case .repeated:
      submit([], then: [.confirm(id, link)])
    case .news(let event):
      let stored = StoredCommand(order: life.order, status: life.status)
      submit(
        [
          .write([.status(life.order.id, life.status), .audit(AuditLine(event, of: life))]),
          .changed(life.order.id, stored, event),
        ], then: [.confirm(id, link)])
    }
  }

  /// Writes down that a device spoke of what is not its own, as often as is useful.
  private func refuse(_ error: RPCError, _ command: String, _ device: DeviceID) {
    let now = now()
    if let last = lastRefusals[device], now - last < policy.refusalInterval { return }
    if lastRefusals.count > 10_000 { lastRefusals = [:] }
    lastRefusals[device] = now
    logger.warning(
      "A device's word on a command was refused",
      metadata: [
        "device": "\(device)", "command": "\(command.prefix(64))", "error": "\(error.message)",
      ])
    outbox.add([
      .audit(
        AuditLine(
          time: now, actor: "device", event: "reportRefused", device: device,
          command: String(command.prefix(ProtocolLimits.maxTokenBytes)), cause: error.message))
    ])
    wake.yield()
  }
}

extension CommandDesk: DeviceCommandSink {
  /// Returns at once.
  package nonisolated func linkOpened(
    _ device: DeviceID, generation: UInt64, profile: ProfileSummary?, link: any DeviceLinkHandle
  ) {
    inputs.put(.opened(device, generation, link, profile))
  }

  /// Returns at once.
  package nonisolated func linkClosed(_ device: DeviceID, generation: UInt64) {
    inputs.put(.closed(device, generation))
  }

  /// An operator had a device forgotten. Returns at once.
  package nonisolated func forgotten(_ device: DeviceID) {
    inputs.put(.forgotten(device))
  }

  /// Returns at once.
  package nonisolated func commandResponse(
    _ id: String, _ response: RPCResponse, from device: DeviceID
  ) {
    inputs.put(.response(id, response, device))
  }

  /// Returns at once.
  package nonisolated func commandProgress(_ progress: CommandProgress, from device: DeviceID) {
    inputs.put(.progress(progress, device))
  }

  /// Returns at once.
  package nonisolated func commandFinished(
    _ id: String, _ finished: CommandFinished, from device: DeviceID,
    over link: any DeviceLinkHandle
  ) {
    inputs.put(.finished(id, finished, device, link))
  }
}

extension CommandDesk.Policy {
  /// How long a command may run.
  func runLimit(of declaration: CommandDeclaration) -> Duration {
    guard let seconds = declaration.timeoutSeconds, seconds > 0 else { return life.runLimit }
    return min(.fromSeconds(seconds), life.longestRun)
  }
}
