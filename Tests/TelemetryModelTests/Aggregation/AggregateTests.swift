import TelemetryModel
import TestValues
import Testing

@Suite("Aggregates")
struct AggregateTests {
  private struct Reading {
    var time: Timestamp
    var value: Double
  }

  private func readings(_ count: Int, _ random: inout Seeded) -> [Reading] {
    (0..<count).map { index in
      Reading(
        time: Timestamp(microseconds: Int64(index) * 1_000_003),
        value: 20 + Double.random(in: -1...1, using: &random))
    }
  }

  /// The slow and obvious way.
  private func check(
    _ aggregate: Aggregate, _ readings: [Reading], _ comment: Comment
  ) {
    let values = readings.map(\.value)
    let sum = values.reduce(0, +)
    let mean = sum / Double(values.count)
    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
    #expect(aggregate.count == UInt64(values.count), comment)
    #expect(abs(aggregate.sum - sum) <= 1e-9 * abs(sum), comment)
    #expect(abs(aggregate.mean - mean) <= 1e-12 * max(1, abs(mean)), comment)
    #expect(abs(aggregate.stddev - variance.squareRoot()) <= 1e-9, comment)
    #expect(aggregate.min == values.min(), comment)
    #expect(aggregate.max == values.max(), comment)
    let sorted = readings.sorted { $0.time < $1.time }
    #expect(aggregate.first == sorted.first?.value, comment)
    #expect(aggregate.last == sorted.last?.value, comment)
    #expect(aggregate.lastTime == sorted.last?.time, comment)
  }

  @Test("Any order and any grouping say the same as all readings at once")
  func anyOrder() {
    var random = Seeded()
    for _ in 0..<200 {
      let all = readings(Int.random(in: 1...60, using: &random), &random)
      let shuffled = all.shuffled(using: &random)
      var parts = (0..<Int.random(in: 1...6, using: &random)).map { _ in Aggregate() }
      for reading in shuffled {
        let part = Int.random(in: 0..<parts.count, using: &random)
        parts[part].add(reading.value, at: reading.time)
      }
      while parts.count > 1 {
        let other = parts.remove(at: Int.random(in: 0..<parts.count, using: &random))
        parts[Int.random(in: 0..<parts.count, using: &random)].merge(other)
      }
      check(parts[0], all, "seed \(random.seed)")
    }
  }

  @Test("A small spread on a large value survives a year of readings, merged by the day")
  func numericallySound() {
    var year = Aggregate()
    for day in 0..<365 {
      var window = Aggregate()
      for second in 0..<864 {
        let value = 1e9 + (second % 2 == 0 ? 0.01 : -0.01)
        window.add(value, at: Timestamp(seconds: Double(day * 86_400 + second)))
      }
      year.merge(window)
    }
    #expect(abs(year.stddev - 0.01) < 1e-5)
    #expect(abs(year.mean - 1e9) < 1e-6)
  }

  @Test("Of readings of the same time, the later one to come is the last")
  func ties() {
    var aggregate = Aggregate()
    let time = Timestamp(seconds: 1)
    aggregate.add(1, at: time)
    aggregate.add(2, at: time)
    #expect(aggregate.first == 1)
    #expect(aggregate.last == 2)
    var other = Aggregate()
    other.add(3, at: time)
    aggregate.merge(other)
    #expect(aggregate.last == 3)
    #expect(aggregate.first == 1)
  }

  @Test("Not-a-number and infinities are ignored, also by windows and sketches")
  func notFinite() {
    var aggregate = Aggregate()
    var summary = WindowSummary(withSketch: true)
    for value in [Double.nan, .infinity, -.infinity] {
      aggregate.add(value, at: Timestamp(seconds: 1))
      summary.add(value, at: Timestamp(seconds: 1))
    }
    #expect(aggregate.isEmpty)
    #expect(summary.isEmpty)
    #expect(summary.value(of: .count) == nil)
    #expect(aggregate.stddev == 0)
  }
}
