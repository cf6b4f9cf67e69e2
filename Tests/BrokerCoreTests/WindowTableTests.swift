import BrokerCore
import TelemetryModel
import TestValues
import Testing

@Suite("Window table")
struct WindowTableTests {
  private let start = Timestamp(seconds: 1_800_000_000)
  private let series = SeriesID(1)

  private func table(_ resolution: Resolution = .s1) -> WindowTable {
    var table = WindowTable(resolution, withSketch: false, now: start + .milliseconds(500))
    table.coverNew(series)
    return table
  }

  private func sample(_ after: Duration, _ value: Double) -> Sample {
    Sample(series: series, time: start + after, value: value)
  }

  private func add(_ samples: [Sample], to table: inout WindowTable, commit: Int64 = 1) {
    for sample in samples { table.add(sample, commit: CommitNumber(commit)) }
  }

  @Test("A window comes out once, when it has closed")
  func closesOnce() {
    var table = table()
    add([sample(.milliseconds(600), 1), sample(.milliseconds(700), 3)], to: &table)
    let close = start + .seconds(1) + WindowTable.closeDelay
    #expect(table.tick(now: close - .milliseconds(1)).closed.isEmpty)
    let closed = table.tick(now: close).closed
    #expect(closed.map(\.start) == [start])
    #expect(closed.first?.summary.value(of: .mean) == 2)
    #expect(table.tick(now: start + .seconds(5)).closed.isEmpty)
    #expect(table.openWindows == 0)
  }

  @Test("A reading that is a little late amends its window without the store")
  func amends() {
    var table = table()
    add([sample(.milliseconds(600), 1)], to: &table)
    _ = table.tick(now: start + .milliseconds(1_100))
    add([sample(.milliseconds(900), 5)], to: &table)
    let output = table.tick(now: start + .milliseconds(2_100))
    #expect(output.late.isEmpty && output.closed.isEmpty)
    #expect(output.amended.map { $0.summary.value(of: .count) } == [2])
    #expect(table.tick(now: start + .milliseconds(2_200)).amended.isEmpty)
  }

  @Test("A reading for a window that is not held names it as late, once")
  func late() {
    var table = table()
    _ = table.tick(now: start + .seconds(10))
    add([sample(.milliseconds(200), 1), sample(.milliseconds(300), 1)], to: &table)
    let output = table.tick(now: start + .seconds(10))
    #expect(output.closed.isEmpty && output.amended.isEmpty)
    #expect(output.late == [.init(series: series, start: start)])
    #expect(table.tick(now: start + .seconds(11)).late.isEmpty)
  }

  @Test("Windows that were open when a series was covered go on from what the store had of them")
  func seeded() {
    var table = WindowTable(.s1, withSketch: false, now: start + .milliseconds(500))
    #expect(table.cover([series], at: CommitNumber(3)) == [series])
    add([sample(.milliseconds(800), 20)], to: &table, commit: 4)
    add([sample(.milliseconds(900), 30)], to: &table, commit: 5)
    #expect(
      table.cover([series], at: CommitNumber(3)) == [series],
      "a second feed waits for the store as well")
    var summary = WindowSummary(withSketch: false)
    summary.add(10, at: start + .milliseconds(100))
    summary.add(20, at: start + .milliseconds(800))
    let states = WindowStates(
      commit: CommitNumber(4), entries: [.init(series: series, start: start, summary: summary)])
    table.seed(WindowStates(commit: CommitNumber(2), entries: []), of: [series])
    table.seed(states, of: [series])
    table.seed(WindowStates(commit: CommitNumber(9), entries: []), of: [series])
    #expect(table.cover([series], at: CommitNumber(3)) == [])
    let closed = table.tick(now: start + .seconds(2)).closed
    #expect(closed.map { $0.summary.value(of: .mean) } == [20])
  }

  @Test("Readings of a commit that the store had before it was told here count once")
  func seededAhead() {
    var table = WindowTable(.s1, withSketch: false, now: start + .milliseconds(500))
    _ = table.cover([series], at: CommitNumber(3))
    add([sample(.milliseconds(-900), 7)], to: &table, commit: 4)
    var summary = WindowSummary(withSketch: false)
    summary.add(10, at: start + .milliseconds(100))
    table.seed(
      WindowStates(
        commit: CommitNumber(5), entries: [.init(series: series, start: start, summary: summary)]),
      of: [series])
    // The store has read this one, and what is late of it still changes a window that was told.
    add(
      [sample(.milliseconds(100), 10), sample(.milliseconds(-1_900), 8)], to: &table, commit: 5)
    add([sample(.milliseconds(600), 20)], to: &table, commit: 6)
    let output = table.tick(now: start + .seconds(2))
    #expect(output.closed.map { $0.summary.value(of: .count) } == [2])
    #expect(output.closed.map { $0.summary.value(of: .sum) } == [30])
    #expect(
      output.late == [
        .init(series: series, start: start - .seconds(1)),
        .init(series: series, start: start - .seconds(2)),
      ])
  }

  @Test("What nobody watches any more is forgotten")
  func uncovered() {
    var table = table()
    table.coverNew(series)
    add([sample(.milliseconds(600), 1)], to: &table)
    table.uncover([series])
    #expect(table.openWindows == 1)
    table.uncover([series])
    #expect(table.isEmpty && table.openWindows == 0)
    add([sample(.milliseconds(700), 1)], to: &table)
    #expect(table.openWindows == 0)
  }

  @Test("The windows told are those of the readings, whatever the order of ticks and readings")
  func agreesWithReference() {
    for seed in 1...50 as ClosedRange<UInt64> {
      var random = Seeded(seed)
      var table = table()
      var now = start + .milliseconds(500)
      var told: [Timestamp: Double] = [:]
      var expected: [Timestamp: Double] = [:]
      var (amended, late) = (0, 0)
      func take(_ output: WindowTable.Output) {
        for entry in output.closed {
          #expect(told[entry.start] == nil, "told twice, seed \(seed)")
          told[entry.start] = entry.summary.value(of: .count)
        }
        for entry in output.amended { told[entry.start] = entry.summary.value(of: .count) }
        // What a late window holds is read from the store; here, from the reference.
        for key in output.late { told[key.start] = expected[key.start] }
        amended += output.amended.count
        late += output.late.count
      }
      for _ in 0..<300 {
        now = now + .milliseconds(Int.random(in: 0...400, using: &random))
        let age = Duration.milliseconds(Int.random(in: 0...5_000, using: &random))
        let time = max(now - age, start)
        add([Sample(series: series, time: time, value: 1)], to: &table)
        expected[Resolution.s1.windowStart(of: time), default: 0] += 1
        if Int.random(in: 0...2, using: &random) == 0 { take(table.tick(now: now)) }
      }
      take(table.tick(now: now + .seconds(10)))
      #expect(told == expected, "seed \(seed)")
      #expect(amended > 0 && late > 0, "seed \(seed) had nothing late")
    }
  }
}
