import Foundation
import TestSupport
import Testing

extension EndToEndTests {
  /// Readers come and go, the broker is killed: what each has put together is what the store has.
  @Suite("Seams of live data", .timeLimit(.minutes(4)))
  struct LiveSeams {
    struct Report: Decodable {
      var readers: Int
      var drops: Int
      var kills: Int
      var rows: Int
    }

    @Test("Readers that join, drop and resume at random have what the store has, over restarts")
    func seams() async throws {
      let isSlow = ProcessInfo.processInfo.environment["HAWSER_SLOW_TESTS"] != nil
      try await Workspace.use { workspace in
        let seed = Int.random(in: 0..<1_000_000)
        let peer = try workspace.startPeer(
          "seams", script: "live_seams.py",
          [
            Checkout.program("hawser").path, "--port", "\(try FreePort.pick())", "--seed",
            "\(seed)", "--seconds", isSlow ? "60" : "10", "--readers", isSlow ? "48" : "24",
          ])
        let report = try await peer.report(
          "what readers saw", of: Report.self, within: .seconds(150)
        ) { $0 }
        #expect(report.drops > 20 && report.kills > 1 && report.rows > 1_000)
        #expect(peer.output.contains(#""wrong": []"#), "seed \(seed): \(peer.transcript)")
      }
    }
  }
}
