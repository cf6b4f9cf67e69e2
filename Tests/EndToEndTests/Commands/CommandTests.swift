import Foundation
import Testing
import TestSupport

extension EndToEndTests {
  /// Commands through a real broker to a device that is independent of Hawser's own code.
  @Suite("Commands", .timeLimit(.minutes(3)))
  struct Commands {
    private func device(
      _ workspace: Workspace, _ broker: BrokerRun, _ arguments: [String] = [],
      named name: String = "obedient"
    ) async throws -> ProgramRun {
      let device = try workspace.startPeer(
        name, script: "command_device.py",
        [broker.url.absoluteString, "--device", name] + arguments)
      _ = try await device.report("its welcome", of: CommandDeviceReport.self) { $0.welcome }
      return device
    }

    @Test("Ordered by REST, kept, sent, carried out, and told with every state")
    func wholeWay() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        let device = try await device(workspace, broker)
        let quick = try await broker.order(#"{"name": "noop"}"#, for: "obedient")
        let done = try await broker.waitFor(quick.command, toBe: "succeeded")
        #expect(done.path == ["queued", "sent", "succeeded"])
        #expect(done.states?.map(\.actor).last == "device")
        #expect(done.states?.first?.actor.contains("127.0.0.1") == true)

        let slow = try await broker.order(
          #"{"name": "slow", "params": {"seconds": 0.5}, "ttl": 30}"#, for: "obedient")
        let failing = try await broker.order(#"{"name": "fail"}"#, for: "obedient")
        let slowDone = try await broker.waitFor(slow.command, toBe: "succeeded")
        #expect(slowDone.path == ["queued", "sent", "accepted", "running", "succeeded"])
        #expect(slowDone.result?.output == "12345")
        let failed = try await broker.waitFor(failing.command, toBe: "failed")
        #expect(failed.result?.exitCode == 3)
        #expect(failed.result?.reason == "it always does")
        let sent = try #require(failed.states?.first { $0.state == "sent" })
        let ended = try #require(slowDone.states?.last)
        #expect(sent.time >= ended.time, "one after another")
        #expect(device.acts.values.allSatisfy { $0 == 1 })
      }
    }

    @Test("What does not fit is refused by name, and nothing is sent")
    func refused() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        let device = try await device(workspace, broker)
        let wrong: [(String, Int, String?)] = [
          (#"{"name": "slow", "params": {"seconds": "2"}}"#, 422, "params.seconds"),
          (#"{"name": "slow", "params": {"seconds": 61}}"#, 422, "params.seconds"),
          (
            #"{"name": "slow", "params": {"seconds": {"value": 1, "unit": "min"}}}"#, 422,
            "params.seconds"
          ),
          (#"{"name": "slow", "arguments": {"seconds": "1 min"}}"#, 422, "params.seconds"),
          (#"{"name": "slow", "params": {"minutes": 1}}"#, 422, "params.minutes"),
          (#"{"name": "print"}"#, 422, "params.bytes"),
          (#"{"name": "dance"}"#, 422, "name"),
          (#"{"name": "noop", "ttl": -1}"#, 400, "ttl"),
          (#"{"name": "noop", "ttl": 1e9}"#, 400, "ttl"),
          (#"{"name": "noop", "when": 1}"#, 400, "when"),
          (#"{"params": {}}"#, 400, "name"),
          ("[]", 400, nil), ("{", 400, nil),
        ]
        for (body, status, field) in wrong {
          let problem = try await broker.refusal(of: body, for: "obedient")
          #expect(problem.status == status, "\(body)")
          #expect(problem.field == field, "\(body)")
        }
        #expect(try await broker.refusal(of: #"{"name": "noop"}"#, for: "nobody").status == 404)
        let good = try await broker.order(
          #"{"name": "slow", "arguments": {"seconds": "0.1 s"}}"#, for: "obedient")
        try await broker.waitFor(good.command, toBe: "succeeded")
        #expect(device.reports(CommandDeviceReport.self).compactMap(\.command).count == 1)
      }
    }

    @Test("A repeated order under one key is one command, also after a restart and beside itself")
    func repeated() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        let device = try await device(workspace, broker)
        let body = #"{"name": "noop", "ttl": 60}"#
        let ids = try await withThrowingTaskGroup(of: String.self) { tasks in
          for _ in 0..<8 {
            tasks.addTask {
              try await broker.order(body, for: "obedient", key: "k-1").command
            }
          }
          return try await tasks.reduce(into: Set<String>()) { $0.insert($1) }
        }
        #expect(ids.count == 1)
        let problem = try await broker.refusal(
          of: #"{"name": "fail"}"#, for: "obedient", key: "k-1")
        #expect(problem.status == 422)
        #expect(problem.code == "keyReused")
        let id = try #require(ids.first)
        try await broker.waitFor(id, toBe: "succeeded")
        broker.run.send(SIGKILL)
        try await broker.run.end()
        let again = try await workspace.startBroker("again", port: broker.port)
        #expect(try await again.order(body, for: "obedient", key: "k-1").command == id)
        #expect(try await again.command(id).state == "succeeded")
        #expect(device.acts == [id: 1])
      }
    }

    @Test("For an absent device it waits; past its time it expires; cancelled it never goes")
    func absent() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        let device = try await device(workspace, broker)
        device.send(SIGKILL)
        try await broker.wait(for: "obedient", toBe: "offline")
        let waiting = try await broker.order(#"{"name": "noop", "ttl": 60}"#, for: "obedient")
        let short = try await broker.order(#"{"name": "noop", "ttl": 0.5}"#, for: "obedient")
        let unwanted = try await broker.order(#"{"name": "noop", "ttl": 60}"#, for: "obedient")
        #expect(
          try await broker.send("DELETE", "v1/commands/\(unwanted.command)").status == 200)
        #expect(
          try await broker.send("DELETE", "v1/commands/\(unwanted.command)").status == 409)
        try await broker.waitFor(short.command, toBe: "expired")
        #expect(try await broker.command(waiting.command).state == "queued")
        // The wait outlives the broker, and what the device can do is known without it.
        broker.run.send(SIGKILL)
        try await broker.run.end()
        let again = try await workspace.startBroker("again", port: broker.port)
        let later = try await again.order(#"{"name": "noop"}"#, for: "obedient")
        let same = try workspace.startPeer(
          "back", script: "command_device.py", [again.url.absoluteString])
        for id in [waiting.command, later.command] {
          try await again.waitFor(id, toBe: "succeeded")
        }
        #expect(same.acts == [waiting.command: 1, later.command: 1])
        #expect(try await again.command(unwanted.command).path == ["queued", "cancelled"])
        #expect(try await again.command(short.command).path == ["queued", "expired"])
      }
    }

    @Test("A running one is stopped, a mute one ends unknown and holds up nobody for longer")
    func stopped() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker(arguments: [
          "--set", "commands.answerGrace=1s",
        ])
        _ = try await device(workspace, broker)
        let slow = try await broker.order(
          #"{"name": "slow", "params": {"seconds": 30}}"#, for: "obedient")
        try await broker.waitFor(slow.command, toBe: "running", "accepted")
        // 200 where the device has stopped it by the time of the answer.
        let status = try await broker.send("DELETE", "v1/commands/\(slow.command)").status
        #expect(status == 202 || status == 200)
        let cancelled = try await broker.waitFor(slow.command, toBe: "cancelled")
        #expect(cancelled.states?.contains { $0.event == "cancelRequested" } == true)

        let mute = try await broker.order(#"{"name": "mute", "ttl": 1}"#, for: "obedient")
        let behind = try await broker.order(#"{"name": "noop", "ttl": 60}"#, for: "obedient")
        let unknown = try await broker.waitFor(mute.command, toBe: "unknown")
        #expect(unknown.path == ["queued", "sent", "unknown"])
        try await broker.waitFor(behind.command, toBe: "succeeded")
      }
    }

    @Test("A lost answer: the command is sent again, acts once, and its end is learnt")
    func lost() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        let device = try await device(workspace, broker)
        let lost = try await broker.order(#"{"name": "lost"}"#, for: "obedient")
        let done = try await broker.waitFor(lost.command, toBe: "succeeded")
        #expect(done.attempts == 2)
        #expect(done.states?.contains { $0.event == "sentAgain" } == true)
        #expect(device.acts == [lost.command: 1])
      }
    }

    @Test("Forged and foreign reports are refused and logged, and disturb nothing")
    func hostile() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        let device = try await device(workspace, broker)
        let slow = try await broker.order(
          #"{"name": "slow", "params": {"seconds": 2}}"#, for: "obedient")
        let queued = try await broker.order(#"{"name": "noop"}"#, for: "obedient")
        try await broker.waitFor(slow.command, toBe: "running", "accepted")
        let forger = try await self.device(
          workspace, broker,
          ["--forge", "\(slow.command),\(queued.command),no-such-command"], named: "forger")
        try await waitUntil("three refusals", detail: { forger.transcript }) {
          let refused = forger.reports(CommandDeviceReport.self).compactMap(\.refused)
          return refused.count == 3 ? refused.map(\.data.code).sorted() : nil
        }
        let done = try await broker.waitFor(slow.command, toBe: "succeeded")
        #expect(done.result?.output == "12345")
        try await broker.waitFor(queued.command, toBe: "succeeded")
        #expect(device.acts.values.allSatisfy { $0 == 1 })
        #expect(broker.run.errors.contains("word on a command was refused"))
        let audit = try await broker.get("v1/audit", query: ["format": "ndjson"])
        let lines = String(decoding: audit.body, as: UTF8.self).split(separator: "\n")
        #expect(lines.contains { $0.contains("reportRefused") && $0.contains("forger") })

        let large = try await broker.order(
          #"{"name": "print", "params": {"bytes": 60000}}"#, for: "obedient")
        let printed = try await broker.waitFor(large.command, toBe: "succeeded")
        #expect(printed.result?.output?.utf8.count == 60_000)
        let binary = try await broker.order(
          #"{"name": "print", "params": {"bytes": 9, "text": "a\u0000b\u001b\r\n\ud83d\ude00"}}"#,
          for: "obedient")
        let shown = try await broker.waitFor(binary.command, toBe: "succeeded")
        #expect(shown.result?.output == "a\u{0}b\u{1B}\r\n😀")
        // More than a device may say: what it did is not known, and said so.
        let huge = try await broker.order(
          #"{"name": "print", "params": {"bytes": 70000}}"#, for: "obedient")
        let unreadable = try await broker.waitFor(huge.command, toBe: "unknown")
        #expect(unreadable.states?.last?.cause.contains("65536") == true)
        let next = try await broker.order(#"{"name": "noop"}"#, for: "obedient")
        try await broker.waitFor(next.command, toBe: "succeeded")
        #expect(try await broker.command(slow.command).state == "succeeded")
      }
    }

    @Test("Lists and the audit come in pages, and whole as lines and as a table")
    func lists() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        _ = try await device(workspace, broker, ["--at-once", "4"])
        for _ in 0..<5 { _ = try await broker.order(#"{"name": "noop"}"#, for: "obedient") }
        struct Page: Decodable {
          var commands: [CommandAnswer]
          var next: String?
        }
        let first = try await broker.json(
          Page.self, "v1/devices/obedient/commands", query: ["limit": "3"])
        let rest = try await broker.json(
          Page.self, "v1/devices/obedient/commands",
          query: ["limit": "3", "cursor": try #require(first.next)])
        #expect(Set((first.commands + rest.commands).map(\.command)).count == 5)
        #expect(rest.next == nil)
        struct Audit: Decodable {
          struct Entry: Decodable {
            var number: Int
            var event: String
          }
          var entries: [Entry]
          var next: String?
        }
        let page = try await broker.json(Audit.self, "v1/audit", query: ["limit": "4"])
        #expect(page.entries.map(\.number) == [1, 2, 3, 4])
        let next = try await broker.json(
          Audit.self, "v1/audit", query: ["limit": "4", "cursor": try #require(page.next)])
        #expect(next.entries.first?.number == 5)
        let table = try await broker.get("v1/audit", query: ["format": "csv"])
        #expect(table.headers["content-type"]?.hasPrefix("text/csv") == true)
        let lines = String(decoding: table.body, as: UTF8.self).components(separatedBy: "\r\n")
        #expect(lines.first == "number,time,actor,event,device,command,rollout,cause,detail")
        #expect(lines.count >= 12)
        let abilities = try await broker.get("v1/devices/obedient/abilities")
        #expect(String(decoding: abilities.body, as: UTF8.self).contains(#""unit":"s""#))
      }
    }
  }
}
