import Foundation
import Testing
import TestSupport

extension EndToEndTests {
  /// `config/run.sh`, the README's one command. Slow: it builds the release.
  @Suite(
    "The one command", .enabled(if: Checkout.runsSlowTests, "config/test.sh --slow runs it"),
    .timeLimit(.minutes(20)))
  struct RunScript {
    @Test("It starts broker and agent, says where, and ends both", arguments: [SIGINT, SIGTERM])
    func startsAndEnds(signal: Int32) async throws {
      try await Workspace.use { workspace in
        let port = try FreePort.pick()
        let run = try start(workspace, port: port)
        let line = try await run.line(containing: "Dashboard:", within: .seconds(900))
        #expect(line.contains("http://127.0.0.1:\(port)/"))
        let url = try #require(URL(string: "http://127.0.0.1:\(port)/"))
        let broker = BrokerRun(run: run, url: url)
        #expect(try await broker.get("readyz").status == 200)
        let devices = try await broker.json(DeviceList.self, "v1/devices").devices
        #expect(devices.map(\.state) == ["online"])

        // Ctrl-C reaches everything in the terminal's group; `kill` only the script.
        if signal == SIGINT { run.sendToGroup(signal) } else { run.send(signal) }
        #expect(try await run.end(within: .seconds(20)) == .exit(0))
        #expect(run.membersOfGroup() == [])
        #expect(run.output.contains("Stopped."))

        // Started again, what was measured is still there.
        let again = try await workspace.startBroker("again", port: port, state: "run-state")
        let device = try #require(devices.first).device
        #expect(try await !again.readings(of: "load.1m", device: device).isEmpty)
      }
    }

    @Test("A port that is taken is explained, and nothing stays behind")
    func portTaken() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker(port: try FreePort.pick())
        let run = try start(workspace, port: broker.port)
        #expect(try await run.end(within: .seconds(900)) == .exit(EX_UNAVAILABLE))
        #expect(run.errors.contains("\(broker.port)"))
        #expect(run.membersOfGroup() == [])
      }
    }

    /// `swift test` holds the package's lock while tests run; the script's build has to pass it by,
    /// and can, because `config/test.sh --slow` has built the release already.
    private func start(_ workspace: Workspace, port: Int) throws -> ProgramRun {
      try workspace.start(
        "run", program: Checkout.root.appending(path: "config/run.sh"),
        ["--listen", "127.0.0.1:\(port)", "--state", "run-state"],
        environment: ["SWIFT_BUILD_FLAGS": "--ignore-lock"])
    }
  }
}
