import Foundation
import Testing
import TestSupport

extension EndToEndTests {
  /// The Autobahn suite against `hawser echo` in both roles; see `Conformance/README.md`.
  ///
  /// Nothing less than OK passes, NON-STRICT included; what the suite itself calls informational has
  /// no verdict.
  @Suite("WebSocket conformance", .timeLimit(.minutes(25)))
  struct Conformance {
    @Test("Every rule of RFC 6455 is kept, and compression works", arguments: Role.allCases)
    func quick(_ role: Role) async throws {
      let passed = try await run(role, groups: "quick", within: .seconds(600))
      #expect(passed == 365)
    }

    @Test(
      "All cases pass", .enabled(if: runsEverything, "config/test.sh --slow runs it"),
      arguments: Role.allCases)
    func all(_ role: Role) async throws {
      let passed = try await run(role, groups: "all", within: .seconds(1400))
      #expect(passed == 517)
    }

    @Test(
      "Compression passes with whatever else is negotiated",
      .enabled(if: Checkout.runsSlowTests, "config/test.sh --slow and CI run it"),
      arguments: [
        Variant(role: .server, options: ["--no-client-takeover"]),
        Variant(role: .client, options: ["--no-server-window-offer"]),
      ])
    func variants(_ variant: Variant) async throws {
      let groups = Conformance.runsEverything ? "deflate" : "deflate-quick"
      let passed = try await run(
        variant.role, groups: groups, options: variant.options, within: .seconds(1400))
      #expect(passed == (Conformance.runsEverything ? 216 : 64))
    }

    /// Whether there is time for the suite's large messages: half an hour or more.
    private static let runsEverything =
      ProcessInfo.processInfo.environment["HAWSER_CONFORMANCE"] == "all"

    enum Role: String, CaseIterable {
      case server
      case client
    }

    struct Variant: CustomTestStringConvertible {
      var role: Role
      var options: [String] = []
      var testDescription: String { ([role.rawValue] + options).joined(separator: " ") }
    }

    /// Runs cases against the release build, or the debug build where there is no other, and answers
    /// with how many passed. Throws `TestFailure` with the runner's words when any did not.
    private func run(
      _ role: Role, groups: String, options: [String] = [], within limit: Duration
    ) async throws -> Int {
      let runner = Checkout.root.appending(
        path: "Tests/EndToEndTests/Conformance/run_\(role)_suite.py")
      let ours =
        switch role {
        case .server: ["echo", "--port", "{port}"]
        case .client: ["echo", "--url", "{url}", "--agent", "{agent}"]
        }
      var passed = 0
      try await Workspace.use { workspace in
        let arguments = [
          runner.path, "--strict", "--groups", groups, "--agent", "hawser", "--out",
          workspace.folder.appending(path: "reports").path, "--timeout",
          "\(limit.components.seconds)", "--", try program().path,
        ]
        let suite = try workspace.start(
          "suite", program: Checkout.python(), arguments + ours + options,
          environment: [
            "WSCONF_VENVS": try environments().path, "PYTHONDONTWRITEBYTECODE": "1",
          ])
        let ending = try await suite.end(within: limit + .seconds(60))
        guard ending == .exit(0), let line = suite.output.split(separator: "\n").last,
          let count = line.split(separator: " ").first.flatMap({ Int($0) })
        else { throw TestFailure(suite.transcript) }
        passed = count
      }
      return passed
    }

    /// The suite's own Python environment, made by `config/test.sh`.
    private func environments() throws -> URL {
      let folder = Checkout.root.appending(path: ".build/ws-conformance")
      for engine in ["wstest27", "kosoku"] {
        let ready = folder.appending(path: "\(engine)/cases.json")
        if FileManager.default.fileExists(atPath: ready.path) { return folder }
      }
      throw TestFailure("no \(folder.path): run config/test.sh once, it fetches the suite")
    }

    /// A debug build passes as well, but takes minutes longer.
    private func program() throws -> URL {
      if Checkout.runsSlowTests { return try Checkout.releaseProgram("hawser") }
      return try Checkout.program("hawser")
    }
  }
}
