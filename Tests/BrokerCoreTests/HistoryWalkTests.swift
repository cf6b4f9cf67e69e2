import BrokerCore
import Synchronization
import TelemetryModel
import TestValues
import Testing

/// Walks in slices and pages of every length against one look at everything.
@Suite("History walk")
struct HistoryWalkTests {
  private let start = Timestamp(seconds: 1_800_000_000)

  private func store(_ random: inout Seeded, series: ClosedRange<Int64>) -> MemoryStore {
    let count = Int.random(in: 0...120, using: &random)
    let readings = (0..<count).map { _ in
      Sample(
        series: SeriesID(Int64.random(in: series, using: &random)),
        // Few moments, so that many readings share one.
        time: start + .seconds(Int.random(in: 0..<40, using: &random)),
        value: Double(Int.random(in: 0..<1000, using: &random)))
    }
    return MemoryStore(readings: readings)
  }

  private func pages(
    _ plan: HistoryWalk.Plan, _ store: MemoryStore, limit: Int
  ) async throws -> [HistoryRow] {
    var rows: [HistoryRow] = []
    var plan = plan
    plan.limitRows = limit
    while true {
      var walk = HistoryWalk(plan, store: store)
      var page: [HistoryRow] = []
      while !walk.isFinished { page += try await walk.slice() }
      rows += page
      guard let next = walk.next else { return rows }
      #expect(page.count == limit)
      plan.after = next
    }
  }

  @Test("gives every row once and in order, however long the pages are", arguments: 1...30)
  func pagesAgree(seed: Int) async throws {
    var random = Seeded(UInt64(seed))
    let store = store(&random, series: 1...5)
    let series = (1...5 as ClosedRange<Int64>).map { SeriesID($0) }
    for resolution in [Resolution.raw, .s1, .s10] {
      let functions: [AggregateFunction] = resolution == .raw ? [] : [.count, .mean]
      let whole = HistoryRequest(
        series: series, from: start + .seconds(5), to: start + .seconds(33),
        resolution: resolution, functions: functions, limitRows: .max)
      let plan = HistoryWalk.Plan(
        series: series, from: whole.from, to: whole.to, resolution: resolution,
        functions: functions, limitRows: 1)
      for limit in [1, 2, 3, 7, 1000] {
        let rows = try await pages(plan, store, limit: limit)
        #expect(rows == store.history(whole).rows, "seed \(seed), \(resolution), limit \(limit)")
      }
    }
  }

  @Test("merges groups page by page as if all were merged at once", arguments: 1...30)
  func groupsAgree(seed: Int) async throws {
    var random = Seeded(UInt64(seed))
    let store = store(&random, series: 1...6)
    var groups = SeriesGroups(by: ["site"])
    let series = (1...6 as ClosedRange<Int64>).map { SeriesID($0) }
    for id in series {
      let device = try DeviceID("pi-\(id)")
      groups.add(
        Series(id: id, device: device, metric: try MetricName("temp"), unit: nil),
        labels: ["site": "\(Int.random(in: 0..<3, using: &random))"])
    }
    let (from, to) = (start, start + .seconds(30))
    let merged = GroupedWindows.merged(
      store.windows(of: series, resolution: .s1, from: from, to: to, withSketch: false).entries,
      by: groups
    ).sorted { ($0.series, $0.start) < ($1.series, $1.start) }
    let plan = HistoryWalk.Plan(
      series: series, groups: groups, from: from, to: to, resolution: .s1,
      functions: [.count, .sum], limitRows: 1)
    for limit in [1, 2, 5, 1000] {
      let rows = try await pages(plan, store, limit: limit)
      #expect(rows.map(\.series) == merged.map(\.series), "seed \(seed), limit \(limit)")
      #expect(rows.map(\.time) == merged.map(\.start), "seed \(seed), limit \(limit)")
      #expect(
        rows.map(\.values)
          == merged.map { [$0.summary.value(of: .count), $0.summary.value(of: .sum)] },
        "seed \(seed), limit \(limit)")
    }
  }

  @Test("finds what lies far apart, and looks through more series than one call takes")
  func farApart() async throws {
    var readings: [Sample] = []
    for id in stride(from: 1 as Int64, through: 2_000, by: 333) {
      readings.append(
        Sample(series: SeriesID(id), time: start + .seconds(id * 15_000), value: Double(id)))
    }
    let store = MemoryStore(readings: readings)
    let series = (1...2_000 as ClosedRange<Int64>).map { SeriesID($0) }
    var plan = HistoryWalk.Plan(
      series: series, from: start, to: start + .seconds(365 * 86_400), resolution: .s1,
      functions: [.sum], limitRows: 3)
    #expect(
      try await pages(plan, store, limit: 3).map(\.values) == readings.map { [$0.value] })
    var groups = SeriesGroups(by: [])
    for reading in readings {
      groups.add(
        Series(
          id: reading.series, device: try DeviceID("d\(reading.series)"),
          metric: try MetricName("m"), unit: nil), labels: [:])
    }
    plan.groups = groups
    #expect(
      try await pages(plan, store, limit: 3).map(\.values) == readings.map { [$0.value] })
  }

  @Test("looks ahead over a long silence without reading at once what lies behind it")
  func silence() async throws {
    let largest = Mutex(0)
    let count = 2_100
    var store = MemoryStore(
      readings: (0..<count).map {
        Sample(series: SeriesID(1), time: start + .seconds($0), value: 1)
      })
    store.brought = { count in largest.withLock { $0 = max($0, count) } }
    var groups = SeriesGroups(by: [])
    groups.add(
      Series(id: SeriesID(1), device: try DeviceID("d"), metric: try MetricName("m"), unit: nil),
      labels: [:])
    let plan = HistoryWalk.Plan(
      series: [SeriesID(1)], groups: groups, from: .firstDate, to: .lastDate, resolution: .s1,
      functions: [.sum], limitRows: 10_000)
    var walk = HistoryWalk(plan, store: store)
    var rows = 0
    while !walk.isFinished { rows += try await walk.slice().count }
    #expect(rows == count)
    #expect(largest.withLock { $0 } <= HistoryWalk.sliceRows)
  }

  @Test("stops between two slices when its task is cancelled")
  func cancelled() async throws {
    let store = MemoryStore(readings: [])
    let plan = HistoryWalk.Plan(
      series: [SeriesID(1)], from: start, to: start + .seconds(1), resolution: .s1,
      functions: [.sum], limitRows: 3)
    let task = Task {
      var walk = HistoryWalk(plan, store: store)
      while !Task.isCancelled { await Task.yield() }
      return try await walk.slice()
    }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
  }
}
