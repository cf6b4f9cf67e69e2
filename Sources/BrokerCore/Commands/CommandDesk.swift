import DeviceProtocol
package import Logging
package import TelemetryModel

/// Takes orders for devices, keeps them, and carries out what ``CommandBook`` decides.
///
/// Everything goes through one outbox in order: changes are written together, many at a time, and what
/// stands behind them (a message to a device, an answer, news for those who watch) is done once they
/// are durable. So nothing is ever shown or sent that a power cut would take back.
package actor CommandDesk {
  let store: any RolloutStore
  let registry: DeviceRegistry
  let policy: Policy
  let tellReader: @Sendable (LiveMessage, ReaderID) -> Void
  let announce: @Sendable (LiveMessage) async -> Void
  let logger: Logger
  /// A clock that never jumps while the broker runs, and began as the wall clock.
  let now: @Sendable () -> Timestamp
  nonisolated let inputs = DeviceInputs()
  private let (rolloutWakes, rolloutWake) = AsyncStream<Void>.makeStream(
    bufferingPolicy: .bufferingNewest(1))
  let (wakes, wake) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

  var book: CommandBook
  var outbox = CommandOutbox()
  var links: [DeviceID: (generation: UInt64, link: any DeviceLinkHandle)] = [:]
  /// Orders under a key that may not be in the store yet.
  var keys: [CommandKey: String] = [:]
  /// Rollouts that are not over.
  var rollouts: [String: Rollout] = [:]
  /// Whether the store failed the last time.
  var isFailing = false
  var news: [String: CommandNews] = [:]
  var watchers: [String: Set<ReaderID>] = [:]
  var waiters: [String: [Int: CheckedContinuation<Void, Never>]] = [:]
  var lastWaiter = 0
  /// Counts news.
  var toldCount = 0
  var isStopping = false
  /// Whether nothing is written any more.
  var isOver = false
  var lastRefusals: [DeviceID: Timestamp] = [:]
  private var random = SystemRandomNumberGenerator()

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
        keys[CommandKey(device: stored.order.device, key: key)] = stored.order.id
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
}
