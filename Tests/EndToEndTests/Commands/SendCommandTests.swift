import Foundation
import Testing
import TestSupport

extension EndToEndTests.Commands {
  /// Commands from a terminal.
  @Suite("hawser send")
  struct Sending {
    private func devices(
      _ workspace: Workspace, _ broker: BrokerRun, _ names: [String]
    ) async throws -> [ProgramRun] {
      var devices: [ProgramRun] = []
      for name in names {
        let device = try workspace.startPeer(
          name, script: "command_device.py", [broker.url.absoluteString, "--device", name])
        _ = try await device.report("its welcome", of: CommandDeviceReport.self) { $0.welcome }
        devices.append(device)
      }
      return devices
    }

    @Test("hawser send: to one device and to a fleet, with the outcome as exit code")
    func terminal() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        _ = try await devices(workspace, broker, ["a", "b"])
        var count = 0
        func send(_ arguments: String...) async throws -> (code: ProgramRun.Ending, run: ProgramRun)
        {
          count += 1
          let run = try workspace.start(
            "send-\(count)", program: Checkout.program("hawser"),
            ["send", "--broker", broker.url.absoluteString] + arguments)
          return (try await run.end(), run)
        }
        let quick = try await send("a", "slow", "seconds=0.2s", "--wait")
        #expect(quick.code == .exit(0))
        #expect(quick.run.output == "12345\n")
        #expect(quick.run.errors.contains("succeeded"))
        #expect(try await send("a", "fail", "--wait").code == .exit(70))
        let json = try await send("a", "noop", "--wait", "--json")
        let command = try JSONDecoder().decode(CommandAnswer.self, from: Data(json.run.output.utf8))
        #expect(command.state == "succeeded")
        let wrong = try await send("a", "slow", "seconds=1000", "--wait")
        #expect(wrong.code == .exit(65))
        #expect(wrong.run.errors.contains("seconds"))
        #expect(try await send("nobody", "noop").code == .exit(66))
        let kept = try await send("a", "noop", "--ttl", "10s", "--key", "k")
        #expect(kept.code == .exit(0))
        #expect(
          try await send("a", "noop", "--ttl", "10s", "--key", "k").run.output == kept.run.output)
        let fleet = try await send("--to", "site:lab", "slow", "seconds=0.1", "--wait")
        #expect(fleet.code == .exit(0))
        #expect(fleet.run.errors.contains("2 succeeded"))
        #expect(try await send("--to", "site:lab", "fail", "--wait").code == .exit(70))
        let none = try workspace.start(
          "send-none", program: Checkout.program("hawser"),
          ["send", "--broker", "http://127.0.0.1:9", "a", "noop"])
        #expect(try await none.end() == .exit(69))
      }
    }
  }
}
