import Foundation
import TestSupport
import Testing

extension EndToEndTests {
  /// Readers over real sockets that do not keep up, beside ones that do.
  @Suite("Slow readers", .timeLimit(.minutes(4)), .enabled(if: Checkout.runsSlowTests))
  struct SlowReaders {
    struct Report: Decodable {
      struct Reader: Decodable {
        /// A close code, or how a stream came to its end.
        enum End: Decodable, Equatable {
          case code(Int)
          case other(String)

          init(from decoder: any Decoder) throws {
            let value = try decoder.singleValueContainer()
            if let code = try? value.decode(Int.self) {
              self = .code(code)
            } else {
              self = .other(try value.decode(String.self))
            }
          }
        }

        var rows: Int
        var gaps: Int
        var missing: Int
        var untrue: Int
        var twice: Int
        var ended: End?
      }

      var stored: Int
      /// In seconds.
      var slowestAck: Double
      var readers: [String: Reader]
    }

    @Test(
      "One that reads nothing of a feed that says little sees why it was closed, when it reads on")
    func silent() async throws {
      struct Ended: Decodable { var ended: Report.Reader.End }
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        let peer = try workspace.startPeer("reader", script: "live_silent.py", ["\(broker.port)"])
        let report = try await peer.report(
          "how it ended", of: Ended.self, within: .seconds(120)
        ) { $0 }
        #expect(report.ended == .code(4002), "\(peer.transcript)")
      }
    }

    @Test("One that reads slowly is told what it misses, one that reads nothing is closed")
    func slow() async throws {
      try await Workspace.use { workspace in
        // What has read nothing has this long to see why it is closed.
        let broker = try await workspace.startBroker(
          arguments: ["--set", "connections.closeTimeout=60s"])
        let peer = try workspace.startPeer("readers", script: "live_slow.py", ["\(broker.port)"])
        let report = try await peer.report(
          "what readers saw", of: Report.self, within: .seconds(150)
        ) { $0 }
        let told: Comment = "\(peer.transcript)"
        #expect(report.stored > 10_000, told)
        // What one reader does not take is nothing to the device.
        #expect(report.slowestAck < 5, told)
        for way in ["socket", "events"] {
          let quick = try #require(report.readers["quick-\(way)"])
          #expect(quick.missing == 0 && quick.gaps == 0 && quick.twice == 0, told)
          #expect(quick.ended == nil, told)
          let slow = try #require(report.readers["slow-\(way)"])
          #expect(slow.gaps > 1 && slow.rows > 1_000 && slow.rows < quick.rows, told)
          #expect(slow.missing == 0 && slow.untrue == 0 && slow.twice == 0, told)
          #expect(slow.ended == nil, told)
        }
        #expect(report.readers["stalled-socket"]?.ended == .code(4002), told)
        let events = try #require(report.readers["stalled-events"])
        #expect(events.ended != nil, told)
      }
    }
  }
}
