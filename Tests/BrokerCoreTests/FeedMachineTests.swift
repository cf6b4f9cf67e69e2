import BrokerCore
import TelemetryModel
import Testing

@Suite("Feed machine")
struct FeedMachineTests {
  private let start = Timestamp(seconds: 1_800_000_000)
  private let series = SeriesID(1)

  private func machine(_ resolution: Resolution = .s1) -> FeedMachine {
    FeedMachine(
      resolution: resolution, functions: [.count, .mean], now: start + .milliseconds(500))
  }

  @Test("A window is sent once, when it has closed")
  func closesOnce() {
    var machine = machine()
    machine.add(Sample(series: series, time: start + .milliseconds(600), value: 1))
    machine.add(Sample(series: series, time: start + .milliseconds(700), value: 3))
    #expect(machine.tick(now: start + .milliseconds(1099)).rows.isEmpty)
    let rows = machine.tick(now: start + .seconds(1) + FeedMachine.closeDelay).rows
    #expect(rows == [HistoryRow(series: series, time: start, values: [2, 2])])
    #expect(machine.tick(now: start + .seconds(5)).rows.isEmpty)
    #expect(machine.openWindows == 0)
  }

  @Test("A reading for a window that was sent names it as late")
  func late() {
    var machine = machine()
    _ = machine.tick(now: start + .seconds(3))
    machine.add(Sample(series: series, time: start + .milliseconds(200), value: 1))
    let output = machine.tick(now: start + .seconds(3))
    #expect(output.rows.isEmpty)
    #expect(output.late == [.init(series: series, start: start)])
    #expect(machine.tick(now: start + .seconds(4)).late.isEmpty)
  }

  @Test("A window that was open when the feed began goes on from what the store had of it")
  func seeded() {
    var machine = machine()
    var summary = WindowSummary(withSketch: false)
    summary.add(10, at: start + .milliseconds(100))
    machine.seed(summary, for: .init(series: series, start: start))
    machine.add(Sample(series: series, time: start + .milliseconds(900), value: 20))
    #expect(machine.tick(now: start + .seconds(2)).rows.first?.values == [2, 15])
  }

  @Test("Raw feeds pass readings on at once, in order of arrival")
  func raw() {
    var machine = machine(.raw)
    let later = Sample(series: series, time: start + .seconds(9), value: 1)
    let earlier = Sample(series: series, time: start, value: 2)
    machine.add(later)
    machine.add(earlier)
    #expect(machine.tick(now: start).rows.map(\.time) == [later.time, earlier.time])
    #expect(machine.tick(now: start).rows.isEmpty)
  }

  @Test("The windows sent are those of the readings, whatever the order of ticks and readings")
  func agreesWithReference() {
    for seed in 1...50 as ClosedRange<UInt64> {
      var random = SplitMix64(seed: seed)
      var machine = machine()
      var now = start + .milliseconds(500)
      var sent: [Timestamp: Double] = [:]
      var lateWindows: Set<Timestamp> = []
      var expected: [Timestamp: Double] = [:]
      for _ in 0..<300 {
        now = now + .milliseconds(Int.random(in: 0...400, using: &random))
        let age = Duration.milliseconds(Int.random(in: 0...2500, using: &random))
        let time = max(now - age, start)
        machine.add(Sample(series: series, time: time, value: 1))
        expected[Resolution.s1.windowStart(of: time), default: 0] += 1
        guard Int.random(in: 0...2, using: &random) == 0 else { continue }
        let output = machine.tick(now: now)
        for row in output.rows {
          #expect(sent[row.time] == nil, "sent twice, seed \(seed)")
          sent[row.time] = row.values[0]
        }
        // What a late window holds is read from the store; here, from the reference.
        for key in output.late {
          lateWindows.insert(key.start)
          sent[key.start] = expected[key.start]
        }
      }
      let output = machine.tick(now: now + .seconds(10))
      for row in output.rows { sent[row.time] = row.values[0] }
      for key in output.late { sent[key.start] = expected[key.start] }
      #expect(sent == expected, "seed \(seed)")
      #expect(!lateWindows.isEmpty, "seed \(seed) had nothing late")
    }
  }
}
