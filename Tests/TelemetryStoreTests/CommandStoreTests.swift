import BrokerCore
import DeviceProtocol
import GRDB
import TelemetryModel
import TelemetryStore
import Testing

@Suite("Commands in the store")
struct CommandStoreTests {
  private let fixture: StoreFixture

  init() throws {
    fixture = try StoreFixture()
  }

  private func command(_ id: String, key: String? = nil, rollout: String? = nil) -> StoredCommand {
    let params: JSONValue = ["times": 3, "text": "é\"\u{0}\n"]
    let order = CommandOrder(
      id: id, device: fixture.pi, name: "blink", params: params.object ?? JSONObject(),
      created: fixture.start, expires: fixture.start + .seconds(60), runLimit: .seconds(10),
      actor: "ann", rollout: rollout, key: key, request: "[]")
    return StoredCommand(
      order: order,
      status: CommandStatus(
        state: .queued, since: fixture.start, attempts: 0, actor: .person("ann")))
  }

  private func line(_ id: String, _ event: String, seconds: Int = 0) -> CommandChange {
    .audit(
      AuditLine(
        time: fixture.start + .seconds(seconds), actor: "broker", event: event,
        device: fixture.pi, command: id, cause: "a, \"cause\"", detail: ["exitCode": 3]))
  }

  private func ended(_ state: CommandPhase) -> CommandStatus {
    var result = CommandResult(reason: "why")
    result.exitCode = -1
    result.output = "before\u{0}behind é"
    result.outputBytes = 70_000
    return CommandStatus(
      state: state, since: fixture.start + .seconds(5), attempts: 2, actor: .device,
      cancelled: .init(time: fixture.start + .seconds(4), actor: "bob"), result: result)
  }

  @Test("What was written is there after a reopening, to the last byte, with its history")
  func roundTrip() async throws {
    let store = try fixture.store()
    _ = try await store.open()
    let first = command("a", key: "k")
    try await store.write([.new(first), line("a", "queued")])
    try await store.write([.new(command("b")), line("b", "queued")])
    try await store.write([.status("a", ended(.failed)), line("a", "failed", seconds: 5)])
    let abilities = DeviceAbilities(
      commands: [
        .init(
          name: "blink", text: "Blinks.", idempotent: true, danger: .dangerous, timeoutSeconds: 4,
          params: [.init(name: "times", kind: .integer, min: 1, max: 9, defaultValue: 2)])
      ], atOnce: 3)
    try await store.write([.abilities(fixture.pi, abilities)])
    try await store.close()

    let again = try fixture.store()
    _ = try await again.open()
    let contents = try await again.activeCommands()
    #expect(contents.commands == [command("b")])
    #expect(contents.profiles == [fixture.pi: abilities])
    let record = try #require(try await again.command("a"))
    #expect(record.command.order == first.order)
    #expect(record.command.status == ended(.failed))
    #expect(record.events.map(\.word) == ["queued", "failed"])
    #expect(record.events.last?.time == fixture.start + .seconds(5))
    #expect(try await again.command(for: fixture.pi, key: "k")?.command.order.id == "a")
    #expect(try await again.command(for: fixture.pi, key: "l") == nil)
    #expect(try await again.command("c") == nil)
    try await again.write([.abilities(fixture.pi, nil)])
    #expect(try await again.activeCommands().profiles.isEmpty)
    try await again.close()
  }

  @Test("Changes are written together or not at all, and a key counts once")
  func together() async throws {
    let store = try fixture.store()
    _ = try await store.open()
    try await store.write([.new(command("a", key: "k"))])
    await #expect(throws: StoreError.self) {
      try await store.write([.new(command("b")), .new(command("c", key: "k"))])
    }
    #expect(try await store.command("b") == nil)
    #expect(try await store.activeCommands().commands.map(\.order.id) == ["a"])
    try await store.close()
  }

  @Test("Lists are paged, newest first, by device, state and rollout")
  func lists() async throws {
    let store = try fixture.store()
    _ = try await store.open()
    try await store.write(
      (0..<5).map { .new(command("c\($0)", rollout: $0 < 2 ? "r" : nil)) } + [
        .status("c3", ended(.succeeded))
      ])
    let page = try await store.commands(CommandQuery(device: fixture.pi, limit: 2))
    #expect(page.map(\.command.order.id) == ["c4", "c3"])
    let next = try await store.commands(
      CommandQuery(device: fixture.pi, before: page.last?.number, limit: 9))
    #expect(next.map(\.command.order.id) == ["c2", "c1", "c0"])
    #expect(
      try await store.commands(CommandQuery(state: .succeeded, limit: 9)).map(
        \.command.order.id) == ["c3"])
    #expect(try await store.commands(CommandQuery(rollout: "r", limit: 9)).count == 2)
    try await store.close()
  }

  @Test("The audit is read by time, device and command, and nobody can change or cut it")
  func audit() async throws {
    let store = try fixture.store()
    _ = try await store.open()
    try await store.write((0..<10).map { line($0 < 5 ? "a" : "b", "queued", seconds: $0) })
    let all = try await store.audit(AuditQuery(limit: 100))
    #expect(all.map(\.number) == Array(1...10))
    #expect(all.first?.line.cause == "a, \"cause\"")
    #expect(all.first?.line.detail == ["exitCode": 3])
    #expect(
      try await store.audit(
        AuditQuery(
          from: fixture.start + .seconds(2), to: fixture.start + .seconds(7), command: "a",
          limit: 100)
      ).count == 3)
    #expect(try await store.audit(AuditQuery(after: 8, limit: 100)).count == 2)
    try await store.close()
    let queue = try DatabaseQueue(path: fixture.path)
    for sql in ["DELETE FROM audit", "UPDATE audit SET actor = 'nobody'"] {
      await #expect(throws: DatabaseError.self) {
        try await queue.write { try $0.execute(sql: sql) }
      }
    }
    let count = try await queue.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM audit") }
    #expect(count == 10)
    try queue.close()
  }
}
