import Foundation
import Glibc
import TestSupport
import Testing

extension EndToEndTests {
  /// A broker that is told to stop while clients would rather not let it.
  @Suite("Stopping", .timeLimit(.minutes(2)))
  struct Stopping {
    private struct Report: Decodable {
      var ready: Bool?
      /// How often which status was answered.
      var events: [String: Int]?
      var socket: [String: Int]?
      /// In seconds.
      var retryAfter: [Int]?
    }

    @Test("Clients that read nothing, never end or come back at once do not keep it from stopping")
    func stubborn() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker(
          arguments: ["--set", "connections.closeTimeout=1s"])
        let clients = try workspace.startPeer(
          "clients", script: "stubborn_clients.py", ["\(broker.port)"])
        _ = try await clients.report("all there", of: Report.self) { $0.ready }
        broker.run.send(SIGTERM)
        // Half a second for the acks of devices, one for everything else, and what it takes to close.
        #expect(try await broker.run.end(within: .seconds(10)) == .exit(0))
        #expect(broker.run.errors.contains("Requests cut that did not end"))
        let report = try await clients.report("what it was told", of: Report.self) {
          $0.events == nil ? nil : $0
        }
        let told: Comment = "\(clients.transcript)"
        for answers in [report.events, report.socket] {
          let answers = try #require(answers)
          #expect(answers["200", default: answers["101", default: 0]] == 1, told)
          #expect(answers["503", default: 0] > 0, told)
        }
        let waits = try #require(report.retryAfter)
        #expect(!waits.isEmpty && waits.allSatisfy { (1...4).contains($0) }, told)
      }
    }
  }
}
