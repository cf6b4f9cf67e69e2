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
      ("1.23456789e-12", "", "1.23 ×10⁻¹²"), ("-0.0001", "", "-100 ×10⁻⁶"), ("7", "", "7"),
      ("3503300", "bit/s", "3.50 Mbit/s"), ("62946000000", "B", "58.6 GiB"),
      ("0.000002", "V", "2.00 µV"),
      ("1.5e6", "", "1.50 M"), ("2e7", "m3/s", "20.0 ×10⁶ m³/s"), ("21.5", "Cel", "21.5 °C"),
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

    @Test("Texts are kept as changes, cut where they are long, and data is spelt out")
    func texts() async throws {
      let found = try await evaluate(
        """
        import('/assets/text-log.js').then(({ TextLog }) => {
          const log = new TextLog();
          const rows = [[1, 'a'], [2, 'a'], [5, 'b'], [3, 'a'], [4, 'b'], [5, 'b'], [6, 1], [7, { vd: 'aGVsbG8' }]];
          for (const [time, value] of rows) log.put(time, value);
          const long = new TextLog();
          for (let time = 0; time < 200; time += 1) long.put(time, `${'x'.repeat(100000)}${time % 2}`);
          long.put(300, 'y'.repeat(600));
          return [
            log.changes.map(({ time, text }) => `${time} ${text}`).join(', '), String(log.lastTime),
            String(long.changes.length), long.last.text.slice(498),
          ];
        })
        """)
      #expect(found == ["1 a, 4 b, 7 5 bytes: 68 65 6c 6c 6f", "7", "2", "yy… (600 characters)"])
    }

    @Test(
      "Why a device is offline is said in words, and what is not known any more as of when it was")
    func presence() async throws {
      let found = try await evaluate(
        """
        import('/assets/presence.js').then(({ presenceWords: words }) => [
          words({ state: 'offline', since: 1000, cause: 'dropped' }, 1120, null),
          words({ state: 'offline', since: 1000, cause: 'of the future' }, 1120, null),
          words({ state: 'online', since: 1000 }, 99999, 1120).replace(/[0-9:]{8}$/, 'T'),
          words({ state: 'online', since: 1000 }, 99999, 1120, true).replace(/[0-9:]{8}/g, 'T'),
        ])
        """)
      #expect(
        found == [
          "offline for 2 min: connection lost", "offline for 2 min: of the future",
          "online at T", "online for 2 min, since T · as of T",
        ])
    }

    @Test(
      "What a device gave up is the silence before it said so; what was not sent is not called lost"
    )
    func losses() async throws {
      let found = try await evaluate(
        """
        import('/assets/losses.js').then(({ Losses, union }) => {
          const losses = new Losses();
          const packs = { epoch: 'e', from: 13, to: 24 };
          for (const again of [1, 2]) losses.add({ from: 125, to: 125, reason: 'spool full', packs });
          const times = [90, 91, 92, 110, 111, 112, 124, 125, 126, 150, 151];
          losses.place(times, 2.5);
          const view = { from: 60, to: 160 };
          const clocks = (text) => text.replace(/[0-9]{2}:[0-9]{2}:[0-9]{2}/g, 'T');
          const seen = [JSON.stringify(losses.spans.map(({ from, to }) => [from, to])), clocks(losses.newest(view).text)];
          losses.place(Array.from({ length: 60 }, (_, index) => 95 + index), 2.5);
          seen.push(String(losses.spans.length));
          losses.add({ from: 150, to: 155, reason: 'slow reader' });
          seen.push(clocks(losses.newest(view).text), String(losses.newest(view).isThere));
          return seen;
        })
        """)
      #expect(
        found == [
          "[[113,124]]",
          "12 packs of readings are lost from T to T: the device was cut off for longer than it has room for.",
          "0", "Not shown from T to T: this page was slower than the data.", "true",
        ])
    }

    /// What a person does on the page, and what is on it then.
    private static let visit = """
      (async () => {
        const seen = [];
        const wait = async (what, is) => {
          for (let tries = 0; tries < 150; tries += 1) {
            if (is()) return;
            await new Promise((done) => setTimeout(done, 100));
          }
          throw new Error(`waited in vain for ${what}: ${seen.join()} ${document.body.innerText}`);
        };
        const all = (selector) => [...document.querySelectorAll(selector)];
        const card = (metric) => document.querySelector(`.card[data-metric="${metric}"]`);
        const words = (metric, part) => card(metric)?.querySelector(part).textContent ?? '';
        const shown = () => all('.card').map((one) => one.dataset.metric).join(' ');
        const type = (id, text) => {
          document.getElementById(id).value = text;
          document.getElementById(id).dispatchEvent(new Event('input'));
        };
        await wait('devices', () => all('[data-device]').length >= 9);
        // Quickly from one to the next: only the last one's cards stay.
        for (const device of ['wordy', 'pump', 'plain-1', 'wordy', 'pump']) {
          location.hash = device;
          await new Promise((done) => setTimeout(done, 15));
        }
        await wait('a pump', () => words('running', '.value') === 'on' || words('running', '.value') === 'off');
        await new Promise((done) => setTimeout(done, 500));
        seen.push(`${document.getElementById('device-name').textContent}: ${shown()}`);
        seen.push(words('running', '.foot').replace(/[0-9]+/g, 'N').replace(/(changed )?(just now|N s ago)/, 'AGO'));
        const before = card('running').clientWidth;
        card('running').querySelector('.enlarge').click();
        seen.push(`${document.getElementById('link-facts').textContent}, ${card('running').clientWidth > 2 * before}`);
        await fetch('v1/devices/pump/commands', {
          method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"name": "clean"}',
        });
        const commands = () => document.getElementById('command-list').textContent;
        await wait('a command at work', () => commands().includes('%'));
        seen.push(commands().replace(/ · for.*/, ''));
        location.hash = 'wordy';
        await wait('texts', () => words('mode', '.said') !== '' && words('mode', '.said') !== '–');
        seen.push(`${shown()}: ${words('mode', '.said')}, ${words('blob', '.said')}`);
        await wait('a text of long ago', () => words('label', '.said') === 'as delivered');
        seen.push(String(all('img[src="x"]').length));
        type('filter', 'site:lab');
        seen.push(all('[data-device]').map((item) => item.dataset.device).join(' '));
        type('filter', 'site:nowhere');
        seen.push(document.getElementById('fleet-found').textContent);
        type('filter', '');
        document.querySelector('#states [value="offline"]').click();
        await wait('who is away', () => all('[data-device]').length === 1);
        seen.push(all('[data-device]')[0].textContent.replace(/for [0-9]+ s/, 'for N s').replace(/\\s+/g, ' ').trim());
        location.hash = 'wide';
        await wait('many cards', () => all('.card').length === 60);
        await wait('charts', () => all('canvas').some(({ width }) => width > 0));
        await new Promise((done) => setTimeout(done, 300));
        seen.push(String(all('canvas').filter(({ width }) => width > 0).length < 40));
        location.hash = 'nobody';
        await wait('nobody', () => !document.getElementById('notice').hidden);
        seen.push(document.getElementById('notice').textContent);
        return seen;
      })()
      """

    @Test(
      "A visitor sees the chosen device and no other, texts as texts, and finds devices by label")
    func visit() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        let fleet = try workspace.startPeer(
          "fleet", script: "dashboard_fleet.py", [broker.url.absoluteString])
        _ = try await fleet.report("all at work", of: FleetReport.self) { $0.ready }
        let browser = try workspace.startPeer(
          "browser", script: "browser.py",
          [broker.url.absoluteString, "--evaluate", Self.visit])
        let found = try await browser.report("a visit", of: Evaluated.self) { $0.evaluated }
        #expect(
          found == [
            "pump: flow running", "on N % · AGO", "WebSocket, compressed · 127.0.0.1, true",
            "cleanrunning · 40 %",
            "blob label mode: <img src=x onerror=alert(1)>, 5 bytes: 68 65 6c 6c 6f", "0",
            "plain-1 pump", "No device matches.",
            "gone offline for N s: closed by the device",
            "true", "There is no device “nobody” here. It is shown as soon as it reports.",
          ])
      }
    }

    struct FleetReport: Decodable {
      var ready: Bool?
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
