import Foundation
import Testing
import TestSupport

/// One line that `command_killer.py` wrote.
private struct CommandTrial: Decodable {
  var trial: String?
  /// Whether the agent died in it.
  var killed: Bool?
  /// How often the command's program was run.
  var acts: Int?
  var outcome: String?
  /// What the command's repetition was answered with.
  var repeated: String?
  /// How often the result was told.
  var told: Int?
  var alive: Bool?
  /// The exit code of the last agent.
  var ended: Int?
}

/// One line that `command_storm.py` wrote.
private struct StormReport: Decodable {
  var ordered: Int?
  var wrong: String?
}

extension EndToEndTests {
  /// An agent that is killed, with -9, at each step of a command's life.
  @Suite("Commands and kills", .timeLimit(.minutes(30)))
  struct CommandKills {
    /// The steps are the system calls by which anything that is done about a command becomes
    /// durable, leaves the machine or begins: strace kills the agent as it enters each of them.
    @Test(
      "Killed at any step, an agent does a command at most once, and what it says is true",
      .enabled(if: Checkout.runsSlowTests, "config/test.sh --slow and CI run it"))
    func everyStep() async throws {
      try await Workspace.use { workspace in
        let killer = try workspace.startPeer(
          "killer", script: "command_killer.py",
          [
            "--agent", try Checkout.program("hawser-agent").path, "--folder",
            workspace.folder.appending(path: "trials").path,
          ])
        let ending = try await killer.end(within: .seconds(240))
        #expect(ending == .exit(0), "\(killer.transcript)")
        let reports = killer.reports(CommandTrial.self)
        for report in reports { try check(report) }
        let killed = reports.filter { $0.killed == true }
        // Before the journal, between it and the work, in the work, after it, before and after it
        // was told: eight at least, and both truths.
        #expect(killed.count >= 8, "\(killer.transcript)")
        #expect(Set(killed.compactMap(\.outcome)) == ["succeeded", "unknown"])
        #expect(killed.contains { $0.outcome == "unknown" && $0.acts == 0 })
        #expect(killed.contains { $0.outcome == "unknown" && $0.acts == 1 })
        #expect(reports.last?.ended == 0)
      }
    }

    /// `HAWSER_KILLS` says how often; 12 times where nothing does.
    @Test(
      "With broker and agents killed at random, what is told of each command is what was done",
      .enabled(if: Checkout.runsSlowTests, "config/test.sh --slow and CI run it"))
    func anyoneAtAnyTime() async throws {
      let kills =
        ProcessInfo.processInfo.environment["HAWSER_KILLS"].flatMap { Int($0) } ?? 12
      let seed = Int.random(in: 1...9999)
      try await Workspace.use { workspace in
        let folder = workspace.folder.appending(path: "storm")
        let storm = try workspace.startPeer(
          "storm", script: "command_storm.py",
          [
            "--broker", try Checkout.program("hawser").path, "--agent",
            try Checkout.program("hawser-agent").path, "--folder", folder.path, "--port",
            String(try FreePort.pick()), "--kills", String(kills), "--seed", String(seed),
          ])
        let ending = try await storm.end(within: .seconds(220 + 5 * kills))
        #expect(ending == .exit(0), "\(storm.transcript)")
        let reports = storm.reports(StormReport.self)
        for case let wrong? in reports.map(\.wrong) { Issue.record("seed \(seed): \(wrong)") }
        #expect(reports.last?.ordered ?? 0 > 10, "\(storm.transcript)")
      }
    }

    private func check(_ report: CommandTrial) throws {
      guard let trial = report.trial else { return }
      let acts = try #require(report.acts)
      #expect(report.told ?? 0 >= 1, "\(trial) told nothing")
      switch trial {
      case "restart":
        #expect(report.outcome == "succeeded" && report.alive == true && acts == 1)
      case "midst-idempotent":
        #expect(report.outcome == "succeeded" && acts == 2)
      default:
        #expect(acts <= 1, "\(trial) acted \(acts) times")
        #expect(report.repeated == report.outcome, "\(trial) says \(report)")
        if report.outcome == "succeeded" { #expect(acts == 1, "\(trial) did nothing") }
        if report.killed != true { #expect(report.outcome == "succeeded", "\(trial): \(report)") }
      }
    }
  }
}
