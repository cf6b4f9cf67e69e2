import Foundation
import TestSupport
import Testing

extension EndToEndTests {
  /// Readers of more series than a connection may buffer at once.
  @Suite("Large fleets", .timeLimit(.minutes(2)))
  struct LargeFleets {
    private struct Report: Decodable {
      var results: Int?
      var series: [Int]?
      var devices: Int?
      var closed: String?
      var events: Int
    }

    @Test("However long the answers, and however many are asked for at once, all of them come")
    func answers() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        let peer = try workspace.startPeer(
          "readers", script: "large_fleet.py", ["\(broker.port)"])
        let report = try await peer.report(
          "what was named", of: Report.self, within: .seconds(90)
        ) { $0 }
        let told: Comment = "\(peer.transcript)"
        #expect(report.closed == nil, told)
        #expect(report.results == 4 && report.devices == 1, told)
        #expect(report.series == [9_990, 9_990, 9_990], told)
        #expect(report.events == 9_990, told)
      }
    }
  }
}
