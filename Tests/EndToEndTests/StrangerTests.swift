import Foundation
import TestSupport
import Testing

extension EndToEndTests {
  /// What strangers may say over HTTP and both kinds of links: see `Peers/stranger.py`.
  @Suite("Strangers", .timeLimit(.minutes(5)))
  struct Strangers {
    private struct Report: Decodable {
      var broken: [String: String]?
      var finished: [String: Int]?
    }

    private static let isSlow = ProcessInfo.processInfo.environment["HAWSER_SLOW_TESTS"] != nil

    @Test("Whatever is asked for, the broker lives, answers, and finds no fault with itself")
    func answers() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker(arguments: ["--set", "log.level=critical"])
        let count = Self.isSlow ? 3_000 : 600
        let run = try workspace.startPeer(
          "stranger", script: "stranger.py",
          [broker.url.absoluteString, "--seed", "20261128", "--count", "\(count)"])
        let ending = try await run.end(within: .seconds(200))
        let reports = run.reports(Report.self)
        #expect(ending == .exit(0), "\(run.transcript)")
        #expect(reports.compactMap(\.broken).isEmpty, "\(run.transcript)")
        let finished = try #require(reports.compactMap(\.finished).last)
        // The seed has hit upon requests that are right, and on such as are wrong.
        for status in ["200", "400", "404", "events 200", "events 400", "live done", "live -32602"]
        {
          #expect(finished[status, default: 0] > 0, "\(status): \(finished)")
        }
        #expect(broker.run.hasEnded == nil, "\(broker.run.transcript)")
        #expect(try await broker.get("healthz").status == 200)
      }
    }
  }
}
