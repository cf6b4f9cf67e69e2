import Foundation
import Testing
import TestSupport

extension EndToEndTests.Commands {
  /// kill -9 of a real broker at each step of a command's life that can be seen from outside.
  @Suite("Brokers killed")
  struct BrokerKills {
    /// Where a broker is killed.
    enum Step: String, CaseIterable, Sendable {
      /// The order is on its way.
      case ordering
      /// The order was answered with 202.
      case ordered
      /// The device has the command, and has done nothing yet.
      case received
      /// The device acted, and has not said so.
      case acted
      /// The device answered.
      case answered
      /// The device is done, and is about to say so.
      case reporting
      /// The device has just said so.
      case reported
      /// The broker has just confirmed it.
      case confirmed

      /// Without slow tests, the steps between which most is at stake.
      static var tried: [Step] {
        Checkout.runsSlowTests ? allCases : [.ordered, .acted, .reported]
      }
    }

    private struct Report: Decodable {
      var step: String?
      var confirmed: String?
    }

    @Test(
      "Ordered again under its key, a command acts once and is told as it was",
      arguments: Step.tried)
    func killed(at step: Step) async throws {
      try await Workspace.use { workspace in
        let port = try FreePort.pick()
        let broker = try await workspace.startBroker(port: port)
        let device = try workspace.startPeer(
          "obedient", script: "command_device.py", [broker.url.absoluteString, "--pause", "0.1"])
        _ = try await device.report("its welcome", of: CommandDeviceReport.self) { $0.welcome }
        let body = #"{"name": "slow", "params": {"seconds": 0.2}, "ttl": 60}"#
        let first = Task { try? await broker.order(body, for: "obedient", key: "k") }
        switch step {
        case .ordering: break
        case .ordered: _ = await first.value
        case .confirmed:
          _ = try await device.report("a confirmation", of: Report.self) { $0.confirmed }
        default:
          _ = try await device.report("\(step)", of: Report.self) {
            $0.step == step.rawValue ? true : nil
          }
        }
        broker.run.send(SIGKILL)
        try await broker.run.end()
        let receipt = await first.value
        let again = try await workspace.startBroker("again", port: port)
        // What the device can do is known as soon as it is back, if it was not before.
        let command = try await waitUntil("an order", detail: { again.run.transcript }) {
          try? await again.order(body, for: "obedient", key: "k")
        }
        if let receipt { #expect(receipt.command == command.command) }
        let done = try await again.waitFor(command.command, toBe: "succeeded")
        #expect(done.result?.output == "12345")
        #expect(device.acts == [command.command: 1])
        #expect(done.path.filter { $0 == "succeeded" }.count == 1)
        #expect(done.path.first == "queued")
      }
    }
  }
}
