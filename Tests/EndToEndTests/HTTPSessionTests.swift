import Foundation
import Testing
import TestSupport

extension EndToEndTests {
  /// The device link over plain requests, spoken by a peer of its own.
  @Suite("Device sessions over HTTP", .timeLimit(.minutes(2)))
  struct HTTPSessions {
    @Test(
      "Packs sent by POST are acked and count once, beside a held GET, over a handover and again")
    func counting() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        let device = try workspace.startPeer(
          "poster", script: "http_device.py", [broker.url.absoluteString])
        let finished = try await device.report("the end", of: HTTPReport.self) { $0.finished }
        #expect(finished == 110)

        let posted = try step("posted", of: device)
        #expect(posted.acked == 50)
        #expect(posted.heartbeat == true)
        #expect((posted.seconds ?? 9) < 1, "the acks came before the second was over")
        #expect(try step("polled", of: device).lines == 0)
        #expect(try step("repeated", of: device).acked == 50)
        #expect(try step("held", of: device).acked == 100)
        #expect(try step("handedOver", of: device).acked == 110)
        let faults = try step("faults", of: device)
        #expect(faults.unknown == 404)
        #expect(faults.code?.text == "sessionUnknown")
        #expect(faults.large == 413)
        #expect(faults.text == 400)
        #expect(faults.spare == 400)
        let ended = try step("ended", of: device)
        #expect(ended.deleted == 204)
        #expect(ended.gone == 404)
        #expect(ended.code?.number == 4503)
        #expect(ended.after == 404)

        let values = try await broker.readings(of: "counter", device: "poster").map(\.value)
        #expect(values == (1...110).map(Double.init), "a hole or a reading twice")
        #expect(try await broker.state(of: "poster")?.state == "online")
      }
    }

    @Test("A broker that stops ends a held GET with bye and 1012, and is not held up by it")
    func stopped() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        let device = try workspace.startPeer(
          "poster", script: "http_device.py", [broker.url.absoluteString, "--wait"])
        _ = try await device.report("the wait", of: HTTPReport.self) { report in
          report.step == "waiting" ? true : nil
        }
        try await Task.sleep(for: .milliseconds(300))
        let began = ContinuousClock.now
        broker.run.send(SIGTERM)
        #expect(try await broker.run.end() == .exit(0))
        #expect(ContinuousClock.now - began < .seconds(5))
        let stopped = try await device.report("the end", of: HTTPReport.self) { report in
          report.step == "stopped" ? report : nil
        }
        #expect(stopped.status == 200)
        #expect(stopped.methods == ["bye", "closed"])
        #expect(stopped.code?.number == 1012)
      }
    }

    private func step(_ name: String, of device: ProgramRun) throws -> HTTPReport {
      let report = device.reports(HTTPReport.self).first { $0.step == name }
      return try #require(report, "no step \(name)\n\(device.transcript)")
    }
  }
}

/// One line of `http_device.py`.
private struct HTTPReport: Decodable {
  /// A word or a number: problems have the one, closes the other.
  enum Code: Decodable {
    case word(String)
    case close(Int)

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let number = try? container.decode(Int.self) {
        self = .close(number)
      } else {
        self = .word(try container.decode(String.self))
      }
    }

    var number: Int? { if case .close(let number) = self { number } else { nil } }
    var text: String? { if case .word(let word) = self { word } else { nil } }
  }

  var step: String?
  var acked: Int?
  var seconds: Double?
  var heartbeat: Bool?
  var lines: Int?
  var unknown: Int?
  var large: Int?
  var text: Int?
  var spare: Int?
  var status: Int?
  var methods: [String?]?
  var code: Code?
  var deleted: Int?
  var gone: Int?
  var after: Int?
  var finished: Int?
}
