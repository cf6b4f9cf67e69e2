import Foundation
import Testing
import TestSupport

extension EndToEndTests {
  /// More than one link of a device, and what is known of links, with peers of their own over real
  /// WebSockets.
  @Suite("Devices with many links", .timeLimit(.minutes(2)))
  struct ManyLinks {
    @Test("A handover loses and doubles nothing, though packs come over both links at once")
    func handover() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        let device = try workspace.startPeer(
          "mover", script: "many_links.py", [broker.url.absoluteString, "handover"])
        let finished = try await device.step("finished", within: .seconds(40))
        #expect(finished.acked == 1)
        let moved = try await device.step("handedOver")
        #expect(moved.acked == 60, "every ack comes over the newest link")
        #expect(moved.oldAcked == 50)
        let generations = try #require(moved.generations)
        #expect(generations[1] > generations[0])
        let old = try await device.step("oldEnded")
        #expect(old.code == 1000)
        #expect((4..<8).contains(old.seconds ?? 0), "it is read for 5 s more")
        #expect(try await device.step("replaced").code == 4503)

        let values = try await broker.readings(of: "counter", device: "mover").map(\.value)
        #expect(values == (1...111).map(Double.init), "a hole or a reading twice")
        let links = try await waitUntil("three ends to be counted") {
          let links = try await broker.json(LinkList.self, "v1/links", query: ["device": "mover"])
          return links.devices.first?.ends.count == 3 ? links : nil
        }
        let ends = Dictionary(grouping: links.ends ?? [], by: \.cause).mapValues {
          $0.reduce(0) { $0 + $1.count }
        }
        #expect(ends == ["handedOver": 1, "replaced": 1, "closedByDevice": 1])
        #expect(
          links.devices.first?.ends.map(\.cause) == ["handedOver", "replaced", "closedByDevice"])
      }
    }

    @Test("Two devices under one name are told from one that reconnects, reported, and slowed down")
    func twins() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        let device = try workspace.startPeer(
          "twins", script: "many_links.py", [broker.url.absoluteString, "twins"])
        let finished = try await device.step("finished", within: .seconds(40))
        #expect(finished.acked == 1)
        #expect(try await device.step("first").code == 4503)
        let fought = try await device.step("fought")
        #expect(fought.opened == 0, "the one that has the name keeps it for ten seconds")
        #expect((fought.refused ?? 0) > 3)
        #expect(fought.code == 1013)
        #expect(fought.holderLives == true)
        let wait = try #require(fought.bye?.reconnectAfter)
        #expect(wait.min > 1 && wait.min <= 10)
        #expect(wait.max > wait.min)

        let status = try await broker.json(TwinStatus.self, "v1/devices/twin")
        #expect(status.state == "online")
        let duplicate = try #require(status.duplicate)
        #expect(duplicate.times == 1)
        #expect(duplicate.addresses == ["127.0.0.1", "127.0.0.1"])
        let metrics = String(decoding: try await broker.get("metrics").body, as: UTF8.self)
        #expect(metrics.contains("hawser_duplicate_devices_total 1"))
        #expect(metrics.contains("hawser_links_refused_total{cause=\"duplicateDevice\"}"))
        let told = broker.run.errors.split(separator: "\n").count {
          $0.contains("Two devices use one name")
        }
        #expect(told == 1, "\(broker.run.errors)")
      }
    }

    @Test("A device is told to beat below what its neighbours found, and all of it is in /v1/links")
    func advice() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        let devices = try workspace.startPeer(
          "devices", script: "many_links.py", [broker.url.absoluteString, "advice"])
        _ = try await devices.step("finished")
        let advised = try await devices.step("advised")
        #expect(advised.new == StepReport.Heartbeat(interval: 5, timeout: 35))
        #expect(advised.knows == StepReport.Heartbeat(interval: 20, timeout: 50))
        #expect(advised.saver == StepReport.Heartbeat(interval: 240, timeout: 270))

        let links = try await waitUntil("both ends to be counted") {
          let links = try await broker.json(LinkList.self, "v1/links")
          return (links.ends ?? []).count >= 3 ? links : nil
        }
        let cut = try #require(links.ends?.first)
        #expect(cut.seenBy == "device")
        #expect(cut.cause == "idle-cut")
        #expect(cut.count == 2)
        #expect(cut.network == "wifi 10.0.0.1")
        #expect(cut.source == "127.0.0.0/24")
        #expect(
          Set((links.ends ?? []).map { "\($0.seenBy) \($0.cause)" })
            == ["device idle-cut", "broker closedByDevice", "broker dropped"])
        #expect(links.since <= links.to)
        #expect(links.devices.map(\.device) == ["knows-1", "knows-2", "new", "saver"])
        #expect(links.devices.first?.path?.fail == 10)
        #expect(links.devices.first?.ends.first?.idle == 10)

        let mobile = try await broker.json(
          LinkList.self, "v1/links", query: ["network": "mobile*"])
        #expect(mobile.devices.map(\.device) == ["saver"])
        #expect(mobile.ends?.map(\.cause) == ["dropped"])
        let first = try await broker.json(LinkList.self, "v1/links", query: ["limit": "3"])
        let second = try await broker.json(
          LinkList.self, "v1/links", query: ["limit": "3", "cursor": try #require(first.next)])
        #expect(second.devices.map(\.device) == ["saver"])
        #expect(second.ends == nil, "the ends go with the first page")
        #expect(second.next == nil)
        let future = try await broker.json(LinkList.self, "v1/links", query: ["to": "-1h"])
        #expect(future.ends?.isEmpty == true)

        for (query, field, status) in [
          (["from": "yesterday"], "from", 400), (["from": "-1m", "to": "-2m"], "from", 422),
          (["limit": "0"], "limit", 400), (["colour": "red"], "colour", 400),
        ] {
          let answer = try await broker.get("v1/links", query: query)
          #expect(answer.status == status)
          #expect(answer.headers["content-type"] == "application/problem+json")
          #expect(try JSONDecoder().decode(Fault.self, from: answer.body).field == field)
        }
      }
    }

    @Test("A device that has nothing but curl gets its acks by GET and by POST")
    func curl() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        let script = Checkout.root.appending(path: "Tests/EndToEndTests/Peers/http_session.sh")
        let device = try workspace.start(
          "curl", program: URL(filePath: "/bin/bash"),
          [script.path, broker.url.absoluteString, "curling"])
        #expect(try await device.end() == .exit(0), "\(device.transcript)")
        let lines = device.output.split(separator: "\n").map(String.init)
        #expect(lines.count { $0.contains(#""method":"ack""#) } == 3, "\(lines)")
        #expect(lines.contains { $0.contains(#""id":"2""#) && $0.contains(#""mono":7"#) })
        #expect(lines.contains(#"{"deleted":204}"#))
        #expect(lines.contains(#"{"gone":404}"#))
        #expect(lines.contains { $0.contains(#""code":"sessionUnknown""#) })
        for (metric, value) in [("by-get", 1.0), ("by-post", 2.0)] {
          let found = try await broker.readings(of: metric, device: "curling").map(\.value)
          #expect(found == [value])
        }
      }
    }
  }
}

/// One line of `many_links.py`.
private struct StepReport: Decodable {
  struct Heartbeat: Decodable, Equatable {
    var interval: Double
    var timeout: Double
  }
  var step: String
  var acked: Int?
  var oldAcked: Int?
  var generations: [Double]?
  var code: Int?
  var seconds: Double?
  var opened: Int?
  var refused: Int?
  var holderLives: Bool?
  var bye: CounterReport.Bye?
  var new: Heartbeat?
  var knows: Heartbeat?
  var saver: Heartbeat?
}

extension ProgramRun {
  fileprivate func step(
    _ name: String, within limit: Duration = .seconds(30)
  ) async throws -> StepReport {
    try await report(name, of: StepReport.self, within: limit) { $0.step == name ? $0 : nil }
  }
}

private struct TwinStatus: Decodable {
  struct Duplicate: Decodable {
    var times: Int
    var addresses: [String]
  }
  var state: String
  var duplicate: Duplicate?
}

private struct Fault: Decodable {
  var field: String?
}

/// `GET /v1/links`.
private struct LinkList: Decodable {
  struct Count: Decodable {
    var seenBy: String
    var cause: String
    var network: String?
    var source: String?
    var count: Int
  }
  struct Device: Decodable {
    struct Path: Decodable {
      var safe: Double?
      var fail: Double?
    }
    struct End: Decodable {
      var cause: String
      var idle: Double?
    }
    var device: String
    var path: Path?
    var ends: [End]
  }
  var since: Double
  var from: Double
  var to: Double
  var ends: [Count]?
  var devices: [Device]
  var next: String?
}
