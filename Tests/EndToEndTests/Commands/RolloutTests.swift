import Foundation
import Testing
import TestSupport

/// A rollout as REST shows it.
struct RolloutAnswer: Decodable {
  var rollout: String
  var state: String
  var cause: String
  var total: Int
  var counts: [String: Int]
}

extension EndToEndTests.Commands {
  /// One command for many devices, through a real broker.
  @Suite("Rollouts")
  struct Rollouts {
    private func devices(
      _ workspace: Workspace, _ broker: BrokerRun, _ names: [String]
    ) async throws -> [ProgramRun] {
      var devices: [ProgramRun] = []
      for name in names {
        devices.append(
          try workspace.startPeer(
            name, script: "command_device.py",
            [broker.url.absoluteString, "--device", name, "--site", "lab"]))
      }
      for device in devices {
        _ = try await device.report("its welcome", of: CommandDeviceReport.self) { $0.welcome }
      }
      return devices
    }

    private func wait(
      for id: String, at broker: BrokerRun, _ isThere: @escaping @Sendable (RolloutAnswer) -> Bool
    ) async throws -> RolloutAnswer {
      try await waitUntil(
        "the rollout", within: .seconds(40), detail: { broker.run.transcript }
      ) {
        let answer = try await broker.json(RolloutAnswer.self, "v1/rollouts/\(id)")
        return isThere(answer) ? answer : nil
      }
    }

    @Test("Killed in the midst of a rollout, the broker goes on; each device acts once")
    func resumed() async throws {
      try await Workspace.use { workspace in
        let port = try FreePort.pick()
        let broker = try await workspace.startBroker(port: port)
        let devices = try await self.devices(workspace, broker, ["a", "b", "c", "d", "e"])
        let posted = try await broker.send(
          "POST", "v1/rollouts",
          body: """
            {"to": {"labels": {"site": "l*"}}, "name": "slow", "params": {"seconds": 1},
            "concurrency": 1, "ttl": 60}
            """)
        #expect(posted.status == 202)
        let rollout = try JSONDecoder().decode(RolloutAnswer.self, from: posted.body)
        #expect(rollout.total == 5)
        _ = try await wait(for: rollout.rollout, at: broker) {
          $0.counts["succeeded", default: 0] >= 2
        }
        broker.run.send(SIGKILL)
        try await broker.run.end()
        let again = try await workspace.startBroker("again", port: port)
        let done = try await wait(for: rollout.rollout, at: again) { $0.state == "finished" }
        #expect(done.counts == ["succeeded": 5])
        for device in devices { #expect(device.acts.values.reduce(0, +) == 1) }
        struct Parts: Decodable {
          struct Part: Decodable {
            var device: String
            var state: String
            var command: String?
          }
          var devices: [Part]
        }
        let parts = try await again.json(Parts.self, "v1/rollouts/\(rollout.rollout)/devices")
        #expect(parts.devices.map(\.device) == ["a", "b", "c", "d", "e"])
        #expect(parts.devices.allSatisfy { $0.command != nil && $0.state == "succeeded" })
      }
    }

    @Test("A fleet, half of it away, some for good, some dropping their links: all accounted for")
    func fleet() async throws {
      struct Account: Decodable {
        var counts: [String: Int]
        var wrong: [[String]]
      }
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        let fleet = try workspace.startPeer(
          "fleet", script: "command_fleet.py",
          [broker.url.absoluteString, "--devices", "60", "--seconds", "4", "--slack", "3"])
        let account = try await fleet.report("its account", of: Account.self) { $0 }
        #expect(account.wrong.isEmpty)
        #expect(account.counts.values.reduce(0, +) == 60)
        #expect(account.counts["expired"] == 1)
      }
    }

    @Test("It stops where too many fail, and what was not started is left alone")
    func stopped() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        let devices = try await self.devices(workspace, broker, ["a", "b", "c", "d"])
        let posted = try await broker.send(
          "POST", "v1/rollouts",
          body: #"{"to": {"devices": ["*"]}, "name": "fail", "concurrency": 1}"#)
        let rollout = try JSONDecoder().decode(RolloutAnswer.self, from: posted.body)
        let stopped = try await wait(for: rollout.rollout, at: broker) { $0.state == "stopped" }
        #expect(stopped.counts == ["failed": 1, "waiting": 3])
        #expect(devices.reduce(0) { $0 + $1.acts.count } == 1)
        let ended = try await broker.send("DELETE", "v1/rollouts/\(rollout.rollout)")
        #expect(ended.status == 200)
        let cancelled = try JSONDecoder().decode(RolloutAnswer.self, from: ended.body)
        #expect(cancelled.counts == ["failed": 1, "skipped": 3])
        let problem = try await broker.send("POST", "v1/rollouts/\(rollout.rollout)/resume")
        #expect(problem.status == 409)
        let nobody = try await broker.send(
          "POST", "v1/rollouts", body: #"{"to": {"labels": {"site": "moon"}}, "name": "noop"}"#)
        #expect(nobody.status == 422)
        let unfit = try await broker.send(
          "POST", "v1/rollouts", body: #"{"to": {"devices": ["*"]}, "name": "dance"}"#)
        #expect(unfit.status == 422)
      }
    }
  }
}
