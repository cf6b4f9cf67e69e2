import BrokerCore
import DeviceProtocol
import Logging
import TelemetryModel
import Testing

/// The desk with a device and a store, where the broker dies at each step of a command's life in turn:
/// before and behind every write, at every message sent and every message heard.
@Suite("A broker that dies at any step of a command's life", .timeLimit(.minutes(1)))
struct CommandCrashTests {
  private struct Run {
    let store: MemoryCommandStore
    let device: ModelDevice
    let broker: MortalBroker
    let desk: CommandDesk
    let running: Task<Void, Never>
    let link: ModelLink

    init(_ store: MemoryCommandStore, _ device: ModelDevice, diesAt step: Int) async {
      self.store = store
      self.device = device
      let broker = MortalBroker(diesAt: step)
      let opened = store.opened(by: broker)
      let registry = DeviceRegistry([
        StoredDevice(id: device.id, labels: [:], agent: nil, lastSeen: .distantPast)
      ])
      var policy = CommandDesk.Policy()
      policy.retryAfter = .milliseconds(1)
      let desk = CommandDesk(
        store: opened, contents: opened.activeCommands(), registry: registry,
        tellReader: { _, _ in }, announce: { _ in }, policy: policy,
        logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
        now: { CommandLifeTests.start })
      self.broker = broker
      self.desk = desk
      running = Task { await desk.run() }
      link = ModelLink(device, to: desk, of: broker)
    }

    func end() async {
      desk.stop()
      running.cancel()
      await running.value
    }

    /// Waits until something holds, or the broker is dead.
    func wait(_ isThere: () async -> Bool) async throws {
      let deadline = ContinuousClock.now + .seconds(20)
      while !broker.isDead, await !isThere() {
        guard ContinuousClock.now < deadline else { throw Stuck() }
        await Task.yield()
      }
    }

    /// Orders under the key; nil where the broker dies before it says so.
    func order() async throws -> String? {
      var id: String?
      try await wait {
        let order = try? await desk.order(
          CommandWish(name: "do", parameters: .values(JSONObject()), key: "k"), for: device.id,
          by: "ann")
        id = order?.view.record.command.order.id
        return id != nil
      }
      return broker.isDead ? nil : id
    }

    func waitForEnd(of id: String) async throws {
      try await wait {
        let view = try? await desk.view(id)
        return view?.record.command.status.state.isFinal ?? false && device.isConfirmed
      }
    }
  }

  private struct Stuck: Error {}

  @Test(
    "It acts once, its end is true and told once, and no order is lost or doubled",
    arguments: ModelDevice.Manner.allCases)
  func everyStep(manner: ModelDevice.Manner) async throws {
    var step = 1
    var isDone = false
    while !isDone {
      let store = MemoryCommandStore()
      let device = ModelDevice(try DeviceID("pump"), manner)
      isDone = try await life(store, device, diesAt: step, isCancelled: manner == .untilStopped)
      #expect(store.commands.count == 1, "step \(step)")
      let command = try #require(store.commands.first)
      let events = store.events(of: command.order.id)
      let acts = device.acts(of: command.order.id)
      let ends = events.filter {
        if case .state(let state) = $0.kind { state.isFinal } else { false }
      }
      #expect(ends.count == 1, "step \(step): \(events.map(\.word))")
      #expect(events.first?.word == "queued")
      switch command.status.state {
      case .succeeded:
        #expect(acts == 1, "step \(step)")
        #expect(command.status.result?.output == "done")
      case .cancelled: #expect(acts <= 1 && manner == .untilStopped, "step \(step)")
      default: Issue.record("step \(step): \(command.status.state)")
      }
      step += 1
      try #require(step < 200)
    }
    // As many as a life has: at least what is written, sent and heard.
    #expect(step >= 8)
  }

  /// One life of a command, in which the broker dies at a step and comes again; true where it did not
  /// live long enough for that.
  private func life(
    _ store: MemoryCommandStore, _ device: ModelDevice, diesAt step: Int, isCancelled: Bool
  ) async throws -> Bool {
    let first = await Run(store, device, diesAt: step)
    try await live(first, isCancelled)
    let hasDied = first.broker.isDead
    await first.end()
    guard hasDied else { return true }
    let second = await Run(store, device, diesAt: .max)
    try await live(second, isCancelled)
    await second.end()
    return false
  }

  private func live(_ run: Run, _ isCancelled: Bool) async throws {
    // The device's abilities come with its link.
    guard let id = try await run.order() else { return }
    if isCancelled {
      try await run.wait {
        if (try? await run.desk.cancel(id, by: "bob")) != nil { return true }
        let view = try? await run.desk.view(id)
        return view?.record.command.status.state.isFinal ?? false
      }
    }
    try await run.waitForEnd(of: id)
  }
}
