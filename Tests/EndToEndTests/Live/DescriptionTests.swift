import Foundation
import FoundationNetworking
import TestSupport
import Testing

extension EndToEndTests {
  /// `/openapi.json` and `/asyncapi.json` against the broker that serves them.
  @Suite("Descriptions", .timeLimit(.minutes(5)))
  struct Descriptions {
    struct Told: Decodable {
      struct Fault: Decodable {
        var what: String
        var problems: [String]?
        var value: String?
      }
      var relay: Int?
      var faults: [Fault]?
      var unseen: [String]?
      var seen: Int?
    }

    @Test("All that a broker says is described, and all that is described is said")
    func everything() async throws {
      try await Workspace.use { workspace in
        // Short times, so that what is given up, refused or lost is so soon; few arrivals, so that some are
        // turned away.
        let settings = [
          "commands.answerGrace=200ms", "commands.runLimit=1s", "connections.requestTimeout=1s",
          "devices.heartbeatInterval=1s", "devices.silenceTimeout=6s",
          "devices.arrivalsPerSecond=20", "store.maxBytes=1GiB",
        ]
        let broker = try await workspace.startBroker(
          arguments: settings.flatMap { ["--set", $0] })
        let driver = try workspace.startPeer(
          "driver", script: "described_traffic.py",
          [broker.url.absoluteString, "--broker-pid", "\(broker.run.id)"])
        let relay = try await driver.report("its relay", of: Told.self) { $0.relay }
        let address = try #require(URL(string: "http://127.0.0.1:\(relay)"))
        _ = try workspace.startAgent(device: "related", broker: address)
        let told = try await driver.report("all", of: Told.self, within: .seconds(120)) { told in
          told.faults.map { (faults: $0, unseen: told.unseen ?? [], seen: told.seen ?? 0) }
        }
        #expect(told.faults.map { "\($0)" } == [])
        #expect(told.unseen == [], "described, and not seen")
        #expect(told.seen > 1_000)
      }
    }

    @Test("Generated requests find REST as its OpenAPI document says")
    func generatedRequests() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        _ = try workspace.startAgent(device: "described", broker: broker.url)
        try await waitUntil("readings") {
          try await broker.readings(of: "load.1m", device: "described").isEmpty ? nil : true
        }
        let isSlow = ProcessInfo.processInfo.environment["HAWSER_SLOW_TESTS"] != nil
        let run = try workspace.start(
          "schemathesis",
          program: try Checkout.python().deletingLastPathComponent().appending(
            path: "schemathesis"),
          [
            "--config-file",
            Checkout.root.appending(path: "Tests/EndToEndTests/Peers/schemathesis.toml").path,
            "run", broker.url.appending(path: "openapi.json").absoluteString, "--checks", "all",
            // Streams and held requests do not end by themselves; they have tests of their own.
            "--exclude-path", "/v1/live/events", "--exclude-path-regex", "session",
            "--max-examples", isSlow ? "20" : "3",
            "--phases", isSlow ? "examples,coverage,fuzzing" : "examples,fuzzing",
            "--seed", "7", "--no-color",
            "--generation-database", "none", "--suppress-health-check", "all",
          ])
        let ending = try await run.end(within: .seconds(220))
        #expect(ending == .exit(0), "\(run.transcript)")
      }
    }

    @Test("The methods of every path are those of the document")
    func methods() async throws {
      struct Document: Decodable {
        struct Anything: Decodable {}
        var paths: [String: [String: Anything]]
      }
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        let document = try await broker.json(Document.self, "openapi.json")
        #expect(document.paths.count > 20)
        for (path, operations) in document.paths {
          let place = path.replacing(#/{[a-z]+}/#, with: "x")
          var request = URLRequest(url: broker.url.appending(path: String(place.dropFirst())))
          request.httpMethod = "TRACE"
          let (_, response) = try await URLSession.shared.data(for: request)
          let answer = try #require(response as? HTTPURLResponse)
          #expect(answer.statusCode == 405, "\(path)")
          let allowed = answer.value(forHTTPHeaderField: "Allow") ?? ""
          let methods = Set(allowed.split(separator: ",").map { $0.filter { $0 != " " } })
          let described = Set(operations.keys.map { $0.uppercased() }).subtracting(["PARAMETERS"])
          #expect(methods.subtracting(["HEAD"]) == described, "\(path)")
        }
      }
    }
  }
}
