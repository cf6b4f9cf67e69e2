import TelemetryModel
import TestValues
import Testing

@Suite("Tumbling windows")
struct TumblingWindowsTests {
  /// What a dashboard or store holds after all changes: the last word on every window.
  private func apply(_ changes: [TumblingWindows.Change], to held: inout [Timestamp: WindowSummary])
  {
    for change in changes { held[change.start] = change.summary }
  }

  @Test("Readings in any order, however late, leave the windows that all readings make")
  func anyOrder() {
    var random = Seeded()
    for _ in 0..<100 {
      let readings = (0..<200).map { _ in
        (
          time: Timestamp(microseconds: Int64.random(in: -20_000_000...20_000_000, using: &random)),
          value: Double(Int.random(in: -500...500, using: &random))
        )
      }
      var windows = TumblingWindows(.s1, withSketch: true)
      var held: [Timestamp: WindowSummary] = [:]
      for (index, reading) in readings.enumerated() {
        let start = Resolution.s1.windowStart(of: reading.time)
        if !windows.holds(start), let stored = held[start] {
          windows.restore(stored, startingAt: start)
        }
        windows.add(reading.value, at: reading.time)
        guard index % 17 == 0 else { continue }
        apply(windows.takeChanges(), to: &held)
        windows.close(endingBy: Timestamp(microseconds: Int64(index - 100) * 200_000))
        windows.release(startingBefore: Timestamp(microseconds: Int64(index - 120) * 200_000))
      }
      apply(windows.takeChanges(), to: &held)
      var reference: [Timestamp: [Double]] = [:]
      for reading in readings {
        reference[Resolution.s1.windowStart(of: reading.time), default: []].append(reading.value)
      }
      #expect(Set(held.keys) == Set(reference.keys), "seed \(random.seed)")
      for (start, values) in reference {
        #expect(held[start]?.value(of: .count) == Double(values.count), "seed \(random.seed)")
        #expect(held[start]?.value(of: .sum) == values.reduce(0, +), "seed \(random.seed)")
        #expect(held[start]?.value(of: .max) == values.max(), "seed \(random.seed)")
      }
    }
  }

  @Test("A window changed after it was closed amends, once; an open one does not")
  func amends() {
    var windows = TumblingWindows(.s10, withSketch: false)
    windows.add(1, at: Timestamp(seconds: 5))
    #expect(windows.takeChanges().map(\.amends) == [false])
    #expect(windows.takeChanges().isEmpty)
    windows.close(endingBy: Timestamp(seconds: 10))
    windows.add(2, at: Timestamp(seconds: 6))
    windows.add(3, at: Timestamp(seconds: 12))
    let changes = windows.takeChanges()
    #expect(changes.map(\.start.seconds) == [0, 10])
    #expect(changes.map(\.amends) == [true, false])
    #expect(changes.first?.summary.value(of: .count) == 2)
    windows.release(startingBefore: Timestamp(seconds: 10))
    #expect(windows.count == 1)
    #expect(!windows.holds(Timestamp(seconds: 0)))
  }

  @Test("Larger windows merged from finer ones say what the readings themselves would")
  func derived() throws {
    var random = Seeded()
    var fine = TumblingWindows(.s1, withSketch: true)
    var direct = TumblingWindows(.m1, withSketch: true)
    for _ in 0..<3000 {
      let time = Timestamp(microseconds: Int64.random(in: 0..<600_000_000, using: &random))
      let value = Double.random(in: 15...25, using: &random)
      fine.add(value, at: time)
      direct.add(value, at: time)
    }
    var derived = TumblingWindows(.m1, withSketch: true)
    for change in fine.takeChanges() { derived.merge(change.summary, startingAt: change.start) }
    let left = derived.takeChanges()
    let right = direct.takeChanges()
    #expect(left.map(\.start) == right.map(\.start))
    for (a, b) in zip(left, right) {
      for function in AggregateFunction.allCases {
        let x = try #require(a.summary.value(of: function))
        let y = try #require(b.summary.value(of: function))
        #expect(abs(x - y) <= 1e-9 * abs(y), "\(function), seed \(random.seed)")
      }
    }
  }

  @Test("Percentiles need a sketch, and never leave the extremes")
  func percentiles() throws {
    var plain = WindowSummary(withSketch: false)
    var full = WindowSummary(withSketch: true)
    for value in [20.0, 20.1] {
      plain.add(value, at: Timestamp(seconds: value))
      full.add(value, at: Timestamp(seconds: value))
    }
    #expect(plain.value(of: .p50) == nil)
    #expect(try #require(full.value(of: .p99)) <= 20.1)
    #expect(try #require(full.value(of: .p50)) >= 20)
    full.merge(plain)
    #expect(full.sketch == nil)
    #expect(full.value(of: .count) == 4)
  }
}
