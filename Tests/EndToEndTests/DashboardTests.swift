import Foundation
import Testing
import TestSupport

extension EndToEndTests {
  /// The page's own modules, in the browser that they are for.
  @Suite("The dashboard's modules", .timeLimit(.minutes(3)))
  struct Dashboard {
    struct Evaluated: Decodable {
      var evaluated: [String]?
    }

    /// What is measured, its unit, and how a person reads it.
    static let readings: [(value: String, unit: String, text: String)] = [
      ("0", "B", "0 B"), ("1", "B", "1 B"), ("1024", "B", "1.00 KiB"),
      ("1048575", "B", "1.00 MiB"), ("5.2e9", "B", "4.84 GiB"), ("-5000", "B/s", "-4.88 KiB/s"),
      ("0.0431", "/", "4.31 %"), ("0.99997", "/", "100 %"), ("43", "%", "43.0 %"),
      ("46.25", "Cel", "46.3 °C"), ("12", "count", "12"), ("1.25", "count", "1.25"),
      ("123456", "s", "34.3 h"), ("0.0123", "s", "12.3 ms"), ("1e9", "bit/s", "1.00 Gbit/s"),
      ("0.02", "A", "20.0 mA"), ("99.97", "1/s", "100 /s"), ("NaN", "B", "–"),
    ]

    @Test("Numbers are written for people, by their SenML unit")
    func numbers() async throws {
      let calls = Self.readings.map { "f(\($0.value), '\($0.unit)')" }.joined(separator: ", ")
      let found = try await evaluate(
        "import('/assets/format.js').then(({ formatValue: f }) => [\(calls)])")
      #expect(found.map { $0.replacing("\u{a0}", with: " ") } == Self.readings.map(\.text))
    }

    @Test("Late windows find their place, replaced ones their value, and silence is a gap")
    func series() async throws {
      let found = try await evaluate(
        """
        import('/assets/series.js').then(({ Series }) => {
          const series = new Series({ metric: 'm', unit: 'B' });
          for (const time of [10, 11, 13, 12, 14, 60, 61]) series.put(time, time, time, time, time);
          series.put(12, 99, 98, 97, 100);
          series.put(62, null, null, null, null);
          return [
            series.times.join(), String(series.last[2]), String(series.longestJoin(1)),
            String(series.nearest(12.4, 1)), String(series.nearest(30, 1)),
            JSON.stringify(series.extent(series.firstIndexFrom(12))),
          ];
        })
        """)
      #expect(
        found == ["10,11,12,13,14,60,61", "99", "2.5", "2", "-1", #"{"low":13,"high":100}"#])
    }

    private func evaluate(_ expression: String) async throws -> [String] {
      var answer: [String] = []
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        let browser = try workspace.startPeer(
          "browser", script: "browser.py",
          [broker.url.absoluteString, "--evaluate", expression])
        answer = try await browser.report("a value", of: Evaluated.self) { $0.evaluated }
      }
      return answer
    }
  }
}
