import Foundation
import Testing
import TestSupport

extension EndToEndTests {
  /// Starting and stopping the programs, and what they say when they cannot start.
  @Suite("Starting and stopping", .timeLimit(.minutes(3)))
  struct ProgramStart {
    @Test("The broker answers health and readiness, and serves its dashboard")
    func answers() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        for path in ["healthz", "readyz"] {
          let answer = try await broker.get(path)
          #expect(answer.status == 200)
          #expect(answer.headers["content-type"]?.contains("json") == true)
        }
        let page = try await broker.get("")
        #expect(page.status == 200)
        #expect(page.headers["content-security-policy"]?.contains("'self'") == true)
        // Every file the page names is served, by its own type.
        let html = String(decoding: page.body, as: UTF8.self)
        let assets = html.matches(of: /(?:href|src)="(assets\/[^"]+)"/).map { String($0.1) }
        #expect(Set(assets).count >= 3)
        for asset in assets { #expect(try await broker.get(asset).status == 200) }
        #expect(try await broker.get("metrics").status == 200)
        #expect(try await broker.get("no/such/path").status == 404)
      }
    }

    @Test("The agent stops at once and cleanly on SIGTERM, and the broker knows")
    func agentStops() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        let agent = try workspace.startAgent(device: "leaving", broker: broker.url)
        try await broker.wait(for: "leaving", toBe: "online")
        agent.send(SIGTERM)
        #expect(try await agent.end(within: .seconds(8)) == .exit(0))
        let gone = try await broker.wait(for: "leaving", toBe: "offline", within: .seconds(5))
        #expect(gone.cause?.isEmpty == false)
      }
    }

    @Test("A second broker on the same port says which one, and leaves with EX_UNAVAILABLE")
    func portTaken() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        let second = try startRefused(
          workspace, ["broker", "--listen", "127.0.0.1:\(broker.port)", "--state", "other-state"])
        #expect(try await second.end() == .exit(EX_UNAVAILABLE))
        #expect(second.errors.contains("127.0.0.1:\(broker.port)"))
        #expect(second.errors.contains("in use"))
      }
    }

    @Test("A second broker on the same state folder is refused")
    func stateTaken() async throws {
      try await Workspace.use { workspace in
        _ = try await workspace.startBroker()
        let second = try startRefused(
          workspace, ["broker", "--listen", "127.0.0.1:0", "--state", "broker-state"])
        #expect(try await second.end() == .exit(EX_CANTCREAT))
        #expect(second.errors.contains("broker-state"))
      }
    }

    @Test(
      "Without authentication only loopback is listened on",
      arguments: ["0.0.0.0:0", "[::]:0", "192.0.2.1:8080"])
    func openModeIsLocal(address: String) async throws {
      try await Workspace.use { workspace in
        let broker = try startRefused(
          workspace, ["broker", "--listen", address, "--state", "state"])
        #expect(try await broker.end() == .exit(EX_CONFIG))
        #expect(broker.errors.contains("loopback"))
        #expect(broker.errors.contains("--listen"))
        #expect(!broker.output.contains("ready"))
      }
    }

    @Test(
      "A wrong configuration file is refused with file, key and what was expected",
      arguments: [
        ("lissten: 127.0.0.1:0\n", "lissten", ""),
        ("ingest:\n  commitInterval: soon\n", "ingest.commitInterval", "expected"),
        ("devices:\n  windowMessages: -3\n", "devices.windowMessages", "expected"),
        ("listen: [1, 2\n", "", ""),
      ])
    func wrongFile(text: String, key: String, word: String) async throws {
      try await Workspace.use { workspace in
        try text.write(
          to: workspace.folder.appending(path: "broker.yaml"), atomically: true, encoding: .utf8)
        for command in ["broker", "check-config"] {
          let run = try startRefused(workspace, [command, "--config", "broker.yaml"])
          #expect(try await run.end() == .exit(EX_CONFIG))
          #expect(run.errors.contains("broker.yaml"))
          #expect(run.errors.contains(key) || key.isEmpty)
          #expect(run.errors.contains(word) || word.isEmpty)
        }
      }
    }

    @Test("An agent with a wrong address says so and leaves with EX_CONFIG")
    func agentRefusesAddress() async throws {
      try await Workspace.use { workspace in
        let agent = try workspace.start(
          "agent", program: Checkout.program("hawser-agent"),
          ["run", "--broker", "ftp://nowhere", "--device", "x", "--state", "agent-state"])
        #expect(try await agent.end() == .exit(EX_CONFIG))
        #expect(agent.errors.contains("broker"))
      }
    }

    private func startRefused(_ workspace: Workspace, _ arguments: [String]) throws -> ProgramRun {
      try workspace.start(
        "refused-\(arguments[0])", program: Checkout.program("hawser"), arguments)
    }
  }
}
