import Foundation
import TestSupport
import Testing

extension EndToEndTests {
  /// What `watchDevices` tells, and the list that is behind it.
  @Suite("Watched devices", .timeLimit(.minutes(2)))
  struct WatchedDevices {
    private static let page = "https://ops.example"

    private func device(_ workspace: Workspace, _ broker: BrokerRun) async throws -> ProgramRun {
      let device = try workspace.startPeer(
        "obedient", script: "command_device.py",
        [broker.url.absoluteString, "--device", "obedient"])
      _ = try await device.report("its welcome", of: CommandDeviceReport.self) { $0.welcome }
      return device
    }

    @Test("Whoever watches devices is told the states of commands, and that a device is forgotten")
    func watched() async throws {
      struct State: Decodable {
        var command: String?
        var state: String
        var forgotten: Bool?
      }
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        let device = try await device(workspace, broker)
        let watcher = try workspace.start(
          "watcher", program: URL(filePath: "/usr/bin/curl"),
          [
            "--silent", "--no-buffer", "--max-time", "60",
            "\(broker.url.absoluteString)v1/live/events?watch=devices",
          ])
        _ = try await watcher.line(containing: "event: devices")
        let slow = try await broker.order(
          #"{"name": "slow", "params": {"seconds": 0.5}}"#, for: "obedient")
        _ = try await watcher.line(containing: #""state":"succeeded""#)
        device.send(SIGKILL)
        try await broker.wait(for: "obedient", toBe: "offline")
        #expect(try await broker.send("DELETE", "v1/devices/obedient").status == 204)
        _ = try await watcher.line(containing: #""forgotten":true"#)
        let told = watcher.output.split(separator: "\n").filter { $0.hasPrefix("data: ") }
          .compactMap { try? JSONDecoder().decode(State.self, from: Data($0.dropFirst(6).utf8)) }
        #expect(
          told.filter { $0.command == slow.command }.map(\.state)
            == ["queued", "sent", "accepted", "running", "succeeded"])
        #expect(told.last?.forgotten == true)
        #expect(try await broker.get("v1/devices/obedient").status == 404)
        #expect(try await broker.json(DeviceList.self, "v1/devices").devices.isEmpty)
      }
    }

    @Test("Whoever reads nothing while commands end is told of the end of each when it reads on")
    func slowWatcher() async throws {
      struct Report: Decodable {
        var ordered: [String]
        var told: [String: [String]]
      }
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        _ = try await device(workspace, broker)
        let peer = try workspace.startPeer(
          "slow-watcher", script: "live_slow_watcher.py", ["\(broker.port)", "obedient"])
        let report = try await peer.report(
          "what it was told", of: Report.self, within: .seconds(80)
        ) { $0 }
        #expect(report.ordered.count == 5)
        for command in report.ordered {
          #expect(report.told[command]?.last == "succeeded", "\(peer.transcript)")
          // It has missed the others.
          #expect(report.told[command]?.count ?? 0 < 5, "\(peer.transcript)")
        }
      }
    }

    @Test("A list that is as it was costs no list, and pages of other origins need leave")
    func lists() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker(
          arguments: ["--set", "http.allowedOrigins=\(Self.page)"])
        let device = try await device(workspace, broker)
        let first = try await broker.send("GET", "v1/devices", headers: ["Origin": Self.page])
        #expect(first.status == 200)
        #expect(first.headers["access-control-allow-origin"] == Self.page)
        #expect(first.headers["access-control-expose-headers"]?.contains("ETag") == true)
        let tag = try #require(first.headers["etag"])
        let same = try await broker.send("GET", "v1/devices", headers: ["If-None-Match": tag])
        #expect(same.status == 304 && same.body.isEmpty)
        #expect(same.headers["access-control-allow-origin"] == nil)
        device.send(SIGKILL)
        try await broker.wait(for: "obedient", toBe: "offline")
        let other = try await broker.send("GET", "v1/devices", headers: ["If-None-Match": tag])
        #expect(other.status == 200 && other.headers["etag"] != tag)

        let question = ["Origin": Self.page, "Access-Control-Request-Method": "DELETE"]
        let leave = try await broker.send("OPTIONS", "v1/devices/obedient", headers: question)
        #expect(leave.status == 204)
        #expect(leave.headers["access-control-allow-methods"]?.contains("DELETE") == true)
        // What no route answers, too.
        let wrong = try await broker.send("PUT", "v1/devices", headers: ["Origin": Self.page])
        #expect(wrong.status == 405)
        #expect(wrong.headers["access-control-allow-origin"] == Self.page)
        let stranger = try await broker.send(
          "GET", "v1/devices", headers: ["Origin": "https://other.example"])
        #expect(stranger.status == 403)
        #expect(stranger.headers["access-control-allow-origin"] == nil)
      }
    }
  }
}
