import BrokerCore
import TelemetryModel
import TestValues
import Testing

/// Groups against the plainest reference: all readings of a group's devices in one array.
@Suite("Grouped windows")
struct GroupedWindowsTests {
  private struct Reading {
    var series: Series
    var time: Timestamp
    var value: Double
  }

  private let sites = ["pi-1": "lab", "pi-2": "roof", "pi-3": "lab", "pi-4": "roof"]
  private let start = Timestamp(seconds: 1_800_000_000)

  private func series(_ id: Int64, _ device: String, _ metric: String, unit: String = "Cel") throws
    -> Series
  {
    Series(
      id: SeriesID(id), device: try DeviceID(device), metric: try MetricName(metric), unit: unit)
  }

  private func labels(_ series: Series) -> [String: String] {
    sites[series.device.string].map { ["site": $0] } ?? [:]
  }

  @Test("are made of devices whose labels say the same, by metric and unit, numbered by the oldest")
  func groups() throws {
    var groups = SeriesGroups(by: ["site"])
    for series in [
      try series(4, "pi-3", "temp"), try series(2, "pi-1", "temp"), try series(3, "pi-2", "temp"),
      try series(5, "pi-4", "temp", unit: "K"), try series(6, "pi-9", "temp"),
      try series(7, "pi-1", "hum"),
    ] {
      groups.add(series, labels: labels(series))
    }
    #expect(groups.all.map(\.id.number) == [2, 3, 5, 6, 7])
    #expect(groups.all.map { $0.members.map(\.number) } == [[2, 4], [3], [5], [6], [7]])
    #expect(groups.all.map { $0.labels[0].value } == ["lab", "roof", "roof", nil, "lab"])
    #expect(groups.id(of: SeriesID(4)) == SeriesID(2))
    #expect(groups.id(of: SeriesID(9)) == nil)
    let again = groups.add(try series(4, "pi-3", "temp"), labels: ["site": "lab"])
    #expect(again == nil)
    #expect(groups[SeriesID(4)]?.members.count == 2)
  }

  @Test("say what one window over all readings of the group would, in whatever order they come")
  func agreeWithReference() throws {
    for seed in 1...40 as ClosedRange<UInt64> {
      var random = Seeded(seed)
      var groups = SeriesGroups(by: ["site"])
      var all: [Series] = []
      for number in 1...Int64.random(in: 1...6, using: &random) {
        let series = try series(
          number, "pi-\(Int.random(in: 1...4, using: &random))", "m\(number % 2)")
        guard !all.contains(where: { $0.device == series.device && $0.metric == series.metric })
        else { continue }
        all.append(series)
        groups.add(series, labels: labels(series))
      }
      let readings = (0..<Int.random(in: 1...300, using: &random)).map { _ in
        Reading(
          series: all[Int.random(in: 0..<all.count, using: &random)],
          time: start + .milliseconds(Int.random(in: 0..<30_000, using: &random)),
          value: Double(Int.random(in: -500...500, using: &random)) / 8)
      }
      try check(readings, groups, &random, seed)
    }
  }

  private func check(
    _ readings: [Reading], _ groups: SeriesGroups, _ random: inout Seeded, _ seed: UInt64
  ) throws {
    // Windows of each series, in parts as batches would bring them, shuffled.
    var entries: [WindowStates.Entry] = []
    for reading in readings {
      var summary = WindowSummary(withSketch: true)
      summary.add(reading.value, at: reading.time)
      entries.append(
        WindowStates.Entry(
          series: reading.series.id, start: Resolution.s10.windowStart(of: reading.time),
          summary: summary))
    }
    entries.shuffle(using: &random)
    let merged = GroupedWindows.merged(entries, by: groups)
    #expect(
      merged.map { [$0.start.microseconds, $0.series.number] }
        == merged.map { [$0.start.microseconds, $0.series.number] }
        .sorted { ($0[0], $0[1]) < ($1[0], $1[1]) }, "seed \(seed)")
    #expect(Set(merged.map { "\($0.series) \($0.start)" }).count == merged.count, "seed \(seed)")
    var seen = 0
    for window in merged {
      let inside = readings.filter {
        groups.id(of: $0.series.id) == window.series
          && Resolution.s10.windowStart(of: $0.time) == window.start
      }
      seen += inside.count
      let values = inside.map(\.value)
      let mean = values.reduce(0, +) / Double(values.count)
      let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
      let median = values.sorted()[(values.count - 1) / 2]
      let said = try AggregateFunction.allCases.map { try #require(window.summary.value(of: $0)) }
      let by = Dictionary(uniqueKeysWithValues: zip(AggregateFunction.allCases, said))
      #expect(by[.count] == Double(values.count), "seed \(seed)")
      #expect(by[.sum] == values.reduce(0, +), "seed \(seed)")
      #expect(by[.min] == values.min(), "seed \(seed)")
      #expect(by[.max] == values.max(), "seed \(seed)")
      #expect(abs((by[.mean] ?? .nan) - mean) < 1e-9, "seed \(seed)")
      #expect(abs((by[.stddev] ?? .nan) - variance.squareRoot()) < 1e-9, "seed \(seed)")
      #expect(abs((by[.p50] ?? .nan) - median) <= 0.01 * abs(median) + 1e-12, "seed \(seed)")
      let newest = inside.map(\.time).max()
      #expect(
        inside.contains { $0.time == newest && $0.value == by[.last] }, "seed \(seed)")
    }
    #expect(seen == readings.count, "seed \(seed)")
  }

  @Test("give no percentile where one of their windows has no sketch")
  func withoutSketch() throws {
    var groups = SeriesGroups(by: ["site"])
    let pair = [try series(1, "pi-1", "temp"), try series(2, "pi-3", "temp")]
    for series in pair { groups.add(series, labels: labels(series)) }
    let entries = pair.enumerated().map { index, series in
      var summary = WindowSummary(withSketch: index == 0)
      summary.add(Double(index), at: start)
      return WindowStates.Entry(series: series.id, start: start, summary: summary)
    }
    let merged = GroupedWindows.merged(entries, by: groups)
    #expect(merged.count == 1)
    #expect(merged.first?.summary.value(of: .mean) == 0.5)
    #expect(merged.first?.summary.value(of: .p50) == nil)
  }
}
