import Foundation
import Testing
import TestSupport

extension EndToEndTests {
  /// What happens to links and data when the broker goes and comes back.
  @Suite("The broker goes and comes back", .timeLimit(.minutes(3)))
  struct BrokerRestart {
    @Test("Nothing acked is missing or doubled after kill -9")
    func killedWhileCounting() async throws {
      try await Workspace.use { workspace in
        let port = try FreePort.pick()
        let broker = try await workspace.startBroker(port: port)
        let device = try workspace.startPeer(
          "counter", script: "counting_device.py",
          [broker.url.absoluteString, "--count", "600", "--interval", "0.01"])
        let acked = try await device.report("150 acked", of: CounterReport.self) { report in
          report.acked.flatMap { $0 >= 150 ? $0 : nil }
        }
        let killed = Date().timeIntervalSince1970
        broker.run.send(SIGKILL)
        #expect(try await broker.run.end() == .signal(SIGKILL))

        // An instant ago, and not since it came: the store knows when it last took readings.
        let looked = try await workspace.startBroker("broker-between", port: try FreePort.pick())
        let state = try await looked.state(of: "counter")
        #expect(state?.cause == "brokerStarted")
        #expect(abs((state?.since ?? 0) - killed) < 1)
        looked.run.send(SIGKILL)
        try await looked.run.end()

        let again = try await workspace.startBroker("broker-again", port: port)
        // What was acked before the kill is there before the device has said anything new: it
        // could not repeat those packs, it has forgotten them.
        let finished = try await device.report(
          "everything acked", of: CounterReport.self, within: .seconds(40)
        ) { $0.finished }
        #expect(finished == 600)
        let values = try await again.readings(of: "counter", device: "counter").map(\.value)
        #expect(values.count >= acked)
        #expect(values == (1...600).map(Double.init), "a hole or a reading twice")
      }
    }

    @Test("The agent is back by itself after kill -9, without a hole in its readings")
    func agentComesBack() async throws {
      try await Workspace.use { workspace in
        let port = try FreePort.pick()
        let broker = try await workspace.startBroker(port: port)
        let agent = try workspace.startAgent(device: "survivor", broker: broker.url)
        try await waitUntil("three readings in the store") {
          try await broker.readings(of: "load.1m", device: "survivor").count >= 3 ? true : nil
        }
        broker.run.send(SIGKILL)
        try await broker.run.end()
        try await Task.sleep(for: .seconds(3))

        let again = try await workspace.startBroker("broker-again", port: port)
        let restarted = Date().timeIntervalSince1970
        try await again.wait(for: "survivor", toBe: "online", within: .seconds(60))
        #expect(agent.hasEnded == nil)
        let readings = try await waitUntil("readings from after the restart", within: .seconds(40))
        {
          let readings = try await again.readings(of: "load.1m", device: "survivor")
          return readings.count { $0.time > restarted + 1 } >= 3 ? readings : nil
        }
        let times = readings.map(\.time)
        #expect(Set(times).count == times.count, "a reading twice")
        let longest = zip(times, times.dropFirst()).map { $1 - $0 }.max() ?? .infinity
        #expect(longest < 2.5, "a hole of \(longest) s in readings made every second: \(times)")
      }
    }

    @Test("SIGTERM says goodbye with 1012, stores everything, and history is there afterwards")
    func stoppedInOrder() async throws {
      try await Workspace.use { workspace in
        let port = try FreePort.pick()
        let broker = try await workspace.startBroker(port: port)
        let device = try workspace.startPeer(
          "counter", script: "counting_device.py",
          [broker.url.absoluteString, "--count", "100000", "--interval", "0.01"])
        _ = try await device.report("100 acked", of: CounterReport.self) { report in
          report.acked.flatMap { $0 >= 100 ? $0 : nil }
        }
        broker.run.send(SIGTERM)
        let bye = try await device.report("bye", of: CounterReport.self) { $0.bye }
        #expect(bye.reconnectAfter.min <= bye.reconnectAfter.max)
        let closed = try await device.report("the close", of: CounterReport.self) { $0.closed }
        #expect(closed.code == 1012)
        #expect(try await broker.run.end() == .exit(0))
        let acked = device.reports(CounterReport.self).compactMap(\.acked).max() ?? 0
        device.killGroup()

        let again = try await workspace.startBroker("broker-again", port: port)
        let values = try await again.readings(of: "counter", device: "counter").map(\.value)
        #expect(values.count >= acked)
        #expect(values == (1...max(1, values.count)).map(Double.init))
        let state = try await again.state(of: "counter")
        #expect(state?.state == "offline")
        #expect(state?.cause == "brokerStopped")
      }
    }

    @Test("A browser says that the broker is gone, and goes on when it is back")
    func browserComesBack() async throws {
      try await Workspace.use { workspace in
        let port = try FreePort.pick()
        let broker = try await workspace.startBroker(port: port)
        _ = try workspace.startAgent(device: "watched", broker: broker.url)
        let screenshot = workspace.folder.appending(path: "page.png")
        let browser = try workspace.startPeer(
          "browser", script: "browser.py",
          [broker.url.absoluteString, "--screenshot", screenshot.path])
        let before = try await browser.report("a chart", of: PageReport.self) { page in
          page.charts["load.1m"].flatMap { $0.windows >= 3 ? $0 : nil }
        }
        let cards = try #require(browser.reports(PageReport.self).last?.cards)
        let labelled = try await broker.send(
          "PATCH", "v1/devices/watched", body: #"{"labels": {"floor": "3"}}"#,
          headers: ["Content-Type": "application/merge-patch+json"])
        #expect(labelled.status == 200)
        broker.run.send(SIGKILL)
        try await broker.run.end()
        let away = try await browser.report("that it is cut off", of: PageReport.self) { page in
          page.link.hasPrefix("Disconnected") ? page : nil
        }
        #expect(away.devices["watched"]?.hasPrefix("online at ") == true, "as it was, not as it is")
        _ = try await workspace.startBroker("broker-again", port: port)
        let after = try await waitUntil(
          "the chart to go on", within: .seconds(60), detail: { browser.transcript }
        ) {
          let page = browser.reports(PageReport.self).last
          let chart = page?.charts["load.1m"]
          return page?.link == "Live" && (chart?.newest ?? 0) > before.newest + 2 ? chart : nil
        }
        // What the agent measured meanwhile was filled in: as many windows as seconds.
        #expect(Double(after.windows - before.windows) >= after.newest - before.newest - 1)
        #expect(
          browser.reports(PageReport.self).last?.cards == cards, "under its new label as well")
      }
    }
  }
}
