import Foundation
import Testing
import TestSupport

extension EndToEndTests {
  /// One reading's way from this machine's sensors to whoever looks.
  @Suite("A reading's journey", .timeLimit(.minutes(3)))
  struct ReadingJourney {
    @Test("The agent's readings reach an independent client over a compressed live link")
    func liveClient() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        _ = try workspace.startAgent(device: "journey", broker: broker.url)
        try await broker.wait(for: "journey", toBe: "online")
        let reader = try workspace.startPeer(
          "reader", script: "live_reader.py",
          [broker.url.absoluteString, "--device", "journey", "--resolution", "raw"])
        let opened = try await reader.report("an open link", of: ReaderReport.self) { $0.opened }
        #expect(opened.subprotocol == "hawser.live.v1")
        #expect(opened.deflate)

        let load = try await reader.report("a load", of: ReaderReport.self) {
          $0.reading?.metric == "load.1m" ? $0.reading : nil
        }
        #expect(load.device == "journey")
        #expect(abs(load.time - Date().timeIntervalSince1970) < 10)
        let memory = try await reader.report("memory", of: ReaderReport.self) {
          $0.reading?.metric == "memory.used" ? $0.reading : nil
        }
        #expect(memory.unit == "B")
        #expect((memory.values.first ?? 0) > 1_000_000)

        // The same readings, at the same times, are history.
        try await waitUntil("three more readings", within: .seconds(15)) {
          reader.reports(ReaderReport.self).count { $0.reading?.metric == "load.1m" } >= 4
            ? true : nil
        }
        let seen = reader.reports(ReaderReport.self).compactMap(\.reading).filter {
          $0.metric == "load.1m"
        }
        let stored = try await broker.readings(of: "load.1m", device: "journey")
        for reading in seen {
          #expect(stored.contains { $0.time == reading.time && $0.value == reading.values.first })
        }
      }
    }

    @Test("Windows of one second reach a reader that asked for history first, each once")
    func windows() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        _ = try workspace.startAgent(device: "windows", broker: broker.url)
        try await waitUntil("five readings in the store") {
          try await broker.readings(of: "load.1m", device: "windows").count >= 5 ? true : nil
        }
        let reader = try workspace.startPeer(
          "reader", script: "live_reader.py",
          [
            broker.url.absoluteString, "--device", "windows", "--metric", "load.1m",
            "--resolution", "1s", "--since=-10m",
          ])
        let times = try await waitUntil("history and live windows", detail: { reader.transcript }) {
          let times = reader.reports(ReaderReport.self).compactMap(\.reading?.time)
          return times.count >= 9 ? times : nil
        }
        #expect(times == Set(times).sorted(), "windows came twice or out of order")
        #expect(times.allSatisfy { $0 == $0.rounded() })
        let first = try #require(times.first)
        let stored = try await broker.readings(of: "load.1m", device: "windows")
        #expect(stored.first.map { $0.time.rounded(.down) } == first, "history came first")
      }
    }

    @Test("A browser shows the device and a chart that moves")
    func browser() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        _ = try workspace.startAgent(device: "browsed", broker: broker.url)
        try await broker.wait(for: "browsed", toBe: "online")
        let screenshot = try Checkout.artefacts().appending(path: "dashboard.png")
        let browser = try workspace.startPeer(
          "browser", script: "browser.py",
          [broker.url.absoluteString, "--screenshot", screenshot.path])
        let first = try await browser.report("a chart", of: PageReport.self) { page in
          page.charts["load.1m"].flatMap { $0.windows >= 3 ? (page: page, chart: $0) : nil }
        }
        #expect(first.page.link == "Live")
        #expect(first.page.devices["browsed"]?.hasPrefix("online") == true)
        #expect(first.page.charts["cpu.utilization"]?.value.hasSuffix("%") == true)

        let later = try await browser.report("a chart that moved", of: PageReport.self) { page in
          page.charts["load.1m"].flatMap { $0.windows >= first.chart.windows + 3 ? $0 : nil }
        }
        #expect(later.newest > first.chart.newest)
        #expect(later.pixels != first.chart.pixels, "the canvas did not change")
        let problems = browser.reports(PageReport.self).last?.problems
        #expect(problems == [], "errors in the page")
        #expect(try Data(contentsOf: screenshot).count > 10_000)
      }
    }
  }
}
