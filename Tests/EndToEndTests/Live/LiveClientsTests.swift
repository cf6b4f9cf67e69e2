import Foundation
import FoundationNetworking
import TestSupport
import Testing

extension EndToEndTests {
  /// Programs that were not made by us, and one that knows nothing but the description.
  @Suite("Clients of the live link and REST", .timeLimit(.minutes(4)))
  struct LiveClients {
    struct Told: Decodable {
      struct Report: Decodable {
        struct Invalid: Decodable {
          var kind: String
          var problems: [String]?
        }
        var told: [String: Int]
        var invalid: [Invalid]
        var accepted: Int
        var refused: Int
      }
      var opened: String?
      var told: String?
      var metric: String?
      var report: Report?
    }

    @Test(
      "A client made from the AsyncAPI document alone reads a device, and all it sees is described")
    func fromDescription() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        _ = try workspace.startAgent(device: "described", broker: broker.url)
        try await broker.wait(for: "described", toBe: "online")
        let client = try workspace.startPeer(
          "client", script: "asyncapi_client.py",
          [broker.url.absoluteString, "--device", "described"])
        let report = try await client.report("what it saw", of: Told.self) { $0.report }
        #expect(report.invalid.isEmpty, "\(client.transcript)")
        #expect(!client.output.contains(#""notRefused": [["#), "\(client.transcript)")
        #expect(report.accepted > 20 && report.refused > 20)
        for kind in ["subscribed", "devices", "alive", "done", "refused", "update"] {
          #expect(report.told[kind, default: 0] > 0, "nothing told of \(kind)")
        }
        #expect(
          client.reports(Told.self).contains { $0.told == "update" && $0.metric == "load.1m" })
      }
    }

    @Test("curl reads events, compressed, and goes on from the last one")
    func curl() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        _ = try workspace.startAgent(device: "curled", broker: broker.url)
        try await broker.wait(for: "curled", toBe: "online")
        let address =
          broker.url.absoluteString
          + "v1/live/events?device=curled&metric=load.1m&resolution=1s&functions=last&since=-1m"
        let first = try workspace.start(
          "curl", program: URL(filePath: "/usr/bin/curl"),
          ["--silent", "--no-buffer", "--compressed", "--include", "--max-time", "6", address])
        _ = try await first.end(within: .seconds(20))
        let text = first.output
        #expect(text.lowercased().contains("content-encoding: "), "\(text)")
        #expect(text.contains("retry: ") && text.contains("event: subscribed"), "\(text)")
        let seen = rows(text)
        #expect(seen.count >= 4)
        #expect(seen == Set(seen).sorted(), "in order, each once: \(text)")
        let cursor = try #require(text.split(separator: "\n").last { $0.hasPrefix("id: ") })
        let second = try workspace.start(
          "curl-again", program: URL(filePath: "/usr/bin/curl"),
          [
            "--silent", "--no-buffer", "--max-time", "4", "--header",
            "Last-Event-ID: \(cursor.dropFirst(4))", address,
          ])
        _ = try await second.end(within: .seconds(20))
        let more = rows(second.output)
        #expect(more.count >= 2)
        #expect(seen + more == Set(seen + more).sorted(), "\(text)\n\(second.output)")
        if let last = seen.last, let next = more.first { #expect(next == last + 1) }
      }
    }

    @Test(
      "Whoever speaks HTTP/1.0 is answered in it: events without chunks, and what ends with its length"
    )
    func oldVersion() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        func curl(_ path: String) async throws -> String {
          let run = try workspace.start(
            "curl-\(path.count)", program: URL(filePath: "/usr/bin/curl"),
            [
              "--silent", "--no-buffer", "--http1.0", "--raw", "--include", "--max-time", "2",
              broker.url.absoluteString + path,
            ])
          _ = try await run.end(within: .seconds(20))
          return run.output
        }
        let events = try await curl("v1/live/events?watch=devices")
        #expect(events.hasPrefix("HTTP/1.0 200"), "\(events)")
        #expect(!events.lowercased().contains("transfer-encoding"), "\(events)")
        #expect(events.contains("no-transform"), "\(events)")
        #expect(events.contains("\n\nevent: devices\ndata: {\"devices\":[]}\n\n"), "\(events)")
        let list = try await curl("v1/devices")
        #expect(list.hasPrefix("HTTP/1.0 200") && list.lowercased().contains("connection: close"))
        #expect(list.hasSuffix(#"{"devices":[]}"#), "\(list)")
      }
    }

    /// The starts of the windows that are told, in order.
    private func rows(_ text: String) -> [Int] {
      struct Update: Decodable {
        var rows: [[Double]]
        var amends: Bool?
      }
      return text.split(separator: "\n").filter { $0.hasPrefix("data: ") }.flatMap { line in
        let update = try? JSONDecoder().decode(Update.self, from: Data(line.dropFirst(6).utf8))
        return update?.amends == true ? [] : update?.rows.map { Int($0[1]) } ?? []
      }
    }

    struct Evaluated: Decodable {
      var evaluated: [String]?
    }

    struct Port: Decodable {
      var port: Int
    }

    @Test("A browser's EventSource is told what its WebSocket is")
    func eventSource() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        _ = try workspace.startAgent(device: "both", broker: broker.url)
        try await broker.wait(for: "both", toBe: "online")
        let script = """
          new Promise((done) => {
            const events = new Map(), messages = new Map();
            const query = 'v1/live/events?device=both&metric=load.1m&functions=last,max';
            new EventSource(query).addEventListener('update', (event) => {
              for (const row of JSON.parse(event.data).rows) events.set(row[1], row.slice(2).join());
            });
            const socket = new WebSocket(`ws://${location.host}/v1/live`, ['hawser.live.v1']);
            socket.onopen = () => socket.send(JSON.stringify({ jsonrpc: '2.0', id: '1',
              method: 'subscribe', params: { query: { devices: ['both'], metrics: ['load.1m'] },
              functions: ['last', 'max'] } }));
            socket.onmessage = ({ data }) => {
              const { method, params } = JSON.parse(data);
              if (method === 'update') for (const row of params.rows) messages.set(row[1], row.slice(2).join());
              const common = [...messages.keys()].filter((time) => events.has(time));
              if (common.length >= 3) {
                done(common.map((time) => String(events.get(time) === messages.get(time))));
              }
            };
            setTimeout(() => done([JSON.stringify([...events]), JSON.stringify([...messages])]), 20000);
          })
          """
        let browser = try workspace.startPeer(
          "browser", script: "browser.py", [broker.url.absoluteString, "--evaluate", script])
        let found = try await browser.report("what both saw", of: Evaluated.self) { $0.evaluated }
        #expect(found.count >= 3 && Set(found) == ["true"], "\(found)")
      }
    }

    @Test("Where no WebSocket gets through, the dashboard lives by events")
    func blocked() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        _ = try workspace.startAgent(device: "blocked", broker: broker.url)
        try await broker.wait(for: "blocked", toBe: "online")
        let box = try workspace.startPeer("box", script: "upgrade_blocker.py", ["\(broker.port)"])
        let port = try await box.report("its port", of: Port.self) { $0.port }
        let screenshot = try Checkout.artefacts().appending(path: "dashboard-by-events.png")
        let browser = try workspace.startPeer(
          "browser", script: "browser.py",
          ["http://127.0.0.1:\(port)/", "--screenshot", screenshot.path])
        let first = try await browser.report("a chart", of: PageReport.self) { page in
          page.charts["load.1m"].flatMap { $0.windows >= 3 ? (page: page, chart: $0) : nil }
        }
        #expect(first.page.link == "Live, without WebSocket")
        #expect(first.page.devices["blocked"]?.hasPrefix("online") == true)
        let later = try await browser.report("a chart that moved", of: PageReport.self) { page in
          page.charts["load.1m"].flatMap { $0.windows >= first.chart.windows + 3 ? $0 : nil }
        }
        #expect(later.newest > first.chart.newest)
        #expect(browser.reports(PageReport.self).last?.problems == [])
      }
    }
  }
}
