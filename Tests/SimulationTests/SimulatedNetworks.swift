import Foundation
import Simulation
import TestSupport
import Testing

/// Device-hours of bad networks and crashes, from seeds: the real machines of both sides over a
/// simulated path.
@Suite("Simulated networks", .timeLimit(.minutes(60)))
struct SimulatedNetworks {
  @Test("No reading is lost or doubled, whatever the path and both sides do")
  func someDeviceHours() {
    let outcome = SimulationRun.run(1...4)
    for failure in outcome.failures { Issue.record("\(failure.story)") }
  }

  /// `HAWSER_SIMULATION_HOURS` asks for more than 5,000. In the release build, which is about thirty
  /// times faster.
  @Test(
    "The same for 5,000 device-hours",
    .enabled(if: Checkout.runsSlowTests, "config/test.sh --slow and CI run it"))
  func manyDeviceHours() async throws {
    let hours = ProcessInfo.processInfo.environment["HAWSER_SIMULATION_HOURS"] ?? "5000"
    try await Workspace.use { workspace in
      let run = try workspace.start(
        "simulation", program: try Checkout.releaseProgram("simulate-networks"),
        ["--hours", hours])
      let ending = try await run.end(within: .seconds(3500))
      #expect(ending == .exit(0), "\(run.output.suffix(4000))")
      print(run.output.split(separator: "\n").last ?? "")
    }
  }
}
