import BrokerCore
import DeviceProtocol
import Foundation
import TelemetryModel
import TelemetryStore
import TestValues
import Testing

/// Any order, duplication and lateness, folded and restarted at any moment, against the reference.
@Suite("The store against a slow, obvious one")
struct StorePropertyTests {
  private static let series = (1...4 as ClosedRange<Int64>).map { SeriesID($0) }

  /// More seeds where somebody has the time.
  private static let seeds =
    ProcessInfo.processInfo.environment["HAWSER_STORE_SEEDS"].flatMap { Int($0) } ?? 8

  @Test("Raw readings and windows equal those of a list of everything", arguments: 1...seeds)
  func equalsReference(seed: Int) async throws {
    let fixture = try StoreFixture()
    var random = Seeded(UInt64(seed))
    var reference = ReferenceStore()
    var configuration = SQLiteStore.Configuration()
    configuration.maintainsItself = false
    configuration.slice = Bool.random(using: &random) ? .zero : .milliseconds(8)
    configuration.limits.raw = .seconds(1_000 * 86_400)
    var store = try fixture.store(configuration)
    _ = try await store.open()
    var commit: Int64 = 0
    for step in 0..<30 {
      switch Int.random(in: 0..<10, using: &random) {
      case 0..<5:
        for _ in 0..<Int.random(in: 1...4, using: &random) {
          commit += 1
          let batch = try batch(commit, fixture, &random)
          try await store.commit(batch)
          reference.commit(batch)
        }
      case 5..<8:
        try await store.fold()
      case 8:
        // A fold that is broken off somewhere; what is left is done by the next.
        let folding = Task { [store] in try await store.fold() }
        await Task.yield()
        folding.cancel()
        _ = try? await folding.value
      default:
        try await store.close()
        store = try fixture.store(configuration)
        #expect(try await store.open().lastCommit == CommitNumber(commit))
      }
      if step % 3 == 2 {
        try await check(store, reference, commit, &random, "seed \(seed) step \(step)")
      }
    }
    try await store.close()
  }

  private func batch(
    _ commit: Int64, _ fixture: StoreFixture, _ random: inout Seeded
  ) throws -> IngestBatch {
    var batch = IngestBatch(
      commit: CommitNumber(commit), received: fixture.start + .seconds(commit * 100))
    if commit == 1 {
      batch.newSeries = try Self.series.map { try fixture.series($0.number, "m\($0)") }
    }
    for series in Self.series where Int.random(in: 0..<4, using: &random) > 0 {
      // Mostly in order, sometimes jittered, sometimes from hours or weeks ago, sometimes one moment.
      let kind = Int.random(in: 0..<10, using: &random)
      let base = fixture.start + .seconds(commit * 100)
      for index in 0..<Int.random(in: 1...300, using: &random) {
        let time: Timestamp =
          switch kind {
          case 0..<6: base + .milliseconds(index * 500)
          case 6: base + .microseconds(Int.random(in: 0...100_000_000, using: &random))
          case 7: base - .seconds(Int.random(in: 0...20_000, using: &random))
          case 8: base - .seconds(Int.random(in: 0...2_000_000, using: &random))
          default: base
          }
        batch.samples.append(
          Sample(
            series: series, time: time, value: value(of: series, index, &random),
            quality: kind > 6 ? .late : []))
      }
    }
    return batch
  }

  private func value(of series: SeriesID, _ index: Int, _ random: inout Seeded) -> Double {
    switch series.number {
    case 1: Double(2000 + Int.random(in: -30...30, using: &random)) / 100
    case 2: Double.random(in: -1...1, using: &random)
    case 3: Double(index * 4096 + 1_000_000_000)
    default:
      [0, -0.0, 1, 0.001, -12.5, 1e17, 3, 3, 3].randomElement(using: &random) ?? 0
    }
  }

  private func check(
    _ store: SQLiteStore, _ reference: ReferenceStore, _ commit: Int64, _ random: inout Seeded,
    _ place: String
  ) async throws {
    for series in Self.series {
      let page = try await store.history(request(series, limit: 1_000_000))
      let right = reference.readings(of: series)
      #expect(page.commit == CommitNumber(commit))
      // Outside of the macros, which would write out every element.
      let times = page.rows.map(\.time) == right.map(\.time)
      let values =
        page.rows.map { $0.values[0]?.bitPattern } == right.map(\.value.bitPattern)
      let quality = page.rows.map(\.quality) == right.map(\.quality)
      #expect(times && values && quality, "\(place), readings of \(series)")
      try await checkPages(store, reference, series, &random, place)
      for resolution in Resolution.allCases where resolution != .raw {
        try await checkWindows(store, reference, series, resolution, &random, place)
      }
    }
    try await checkResume(store, reference, commit, &random, place)
  }

  private func request(
    _ series: SeriesID, from: Timestamp = .distantPast, limit: Int,
    after: HistoryPosition? = nil, sinceCommit: CommitNumber? = nil
  ) -> HistoryRequest {
    HistoryRequest(
      series: [series], from: from, to: .distantFuture, resolution: .raw, functions: [],
      limitRows: limit, after: after, sinceCommit: sinceCommit)
  }

  private func checkPages(
    _ store: SQLiteStore, _ reference: ReferenceStore, _ series: SeriesID,
    _ random: inout Seeded, _ place: String
  ) async throws {
    let all = reference.readings(of: series)
    guard let from = all.randomElement(using: &random)?.time else { return }
    var times: [Timestamp] = []
    var after: HistoryPosition?
    repeat {
      let limit = Int.random(in: 1...700, using: &random)
      let page = try await store.history(request(series, from: from, limit: limit, after: after))
      times += page.rows.map(\.time)
      after = page.next
    } while after != nil
    #expect(times == all.map(\.time).filter { $0 >= from }, "\(place), pages of \(series)")
  }

  private func checkWindows(
    _ store: SQLiteStore, _ reference: ReferenceStore, _ series: SeriesID,
    _ resolution: Resolution, _ random: inout Seeded, _ place: String
  ) async throws {
    let all = reference.readings(of: series)
    guard let one = all.randomElement(using: &random)?.time,
      let other = all.randomElement(using: &random)?.time
    else { return }
    let from = min(one, other) - .seconds(Int.random(in: 0...3, using: &random))
    let to = max(one, other)
    let withSketch = Bool.random(using: &random)
    let states = try await store.windows(
      of: [series], resolution: resolution, from: from, to: to, withSketch: withSketch)
    let right = reference.windows(of: series, resolution, from: from, to: to)
    #expect(
      states.entries.map(\.start) == right.map(\.start), "\(place), \(resolution) of \(series)")
    for (entry, window) in zip(states.entries, right) {
      let difference = window.difference(from: entry.summary)
      #expect(
        difference == nil, "\(place), \(resolution) of \(series) at \(entry.start)")
      #expect((entry.summary.sketch != nil) == withSketch)
      if difference != nil { return }
    }
    let page = try await store.history(
      HistoryRequest(
        series: [series], from: from, to: to, resolution: resolution,
        functions: [.max, .count, .last, .first, .min], limitRows: 1_000_000))
    #expect(
      page.rows.map(\.values)
        == right.map {
          [
            $0.max, Double($0.readings.count), $0.readings.last?.value, $0.readings.first?.value,
            $0.values.min(),
          ]
        }, "\(place), rows of \(resolution) of \(series)")
    let sums: [AggregateFunction] = [.sum, .mean, .stddev]
    let means = try await store.history(
      HistoryRequest(
        series: [series], from: from, to: to, resolution: resolution, functions: sums,
        limitRows: 1_000_000))
    let same = zip(means.rows, states.entries).allSatisfy { row, entry in
      row.values == sums.map { entry.summary.value(of: $0) }
    }
    #expect(same && means.rows.count == right.count, "\(place), sums of \(resolution)")
    let ranks = try await store.history(
      HistoryRequest(
        series: [series], from: from, to: to, resolution: resolution, functions: [.p50, .p95],
        limitRows: 1_000_000))
    let near = zip(ranks.rows, right).allSatisfy { row, window in
      window.isNear(row.values[0], at: 0.5) && window.isNear(row.values[1], at: 0.95)
    }
    #expect(near && ranks.rows.count == right.count, "\(place), percentiles of \(resolution)")
  }

  private func checkResume(
    _ store: SQLiteStore, _ reference: ReferenceStore, _ commit: Int64, _ random: inout Seeded,
    _ place: String
  ) async throws {
    let since = CommitNumber(Int64.random(in: 0...commit, using: &random))
    for series in Self.series {
      let page = try await store.history(
        request(series, limit: 1_000_000, sinceCommit: since))
      let complete = try #require(page.completeSince)
      #expect(complete >= since)
      let right = reference.readings(of: series, after: complete)
      #expect(
        page.rows.map(\.time) == right.map(\.time), "\(place), since \(since) of \(series)")
    }
  }

  @Test("Readers see one commit while folds go on under them")
  func readersDuringFolds() async throws {
    let fixture = try StoreFixture()
    var configuration = SQLiteStore.Configuration()
    configuration.maintainsItself = false
    configuration.slice = .zero
    let store = try fixture.store(configuration)
    _ = try await store.open()
    let series = (1...20 as ClosedRange<Int64>).map { SeriesID($0) }
    let commits: Int64 = 400
    try await withThrowingTaskGroup(of: Int.self) { tasks in
      tasks.addTask {
        for number in 1...commits {
          var batch = IngestBatch(commit: CommitNumber(number), received: fixture.start)
          if number == 1 {
            batch.newSeries = try series.map { try fixture.series($0.number, "m\($0)") }
          }
          batch.samples = series.map {
            Sample(series: $0, time: fixture.start + .seconds(number), value: Double(number))
          }
          try await store.commit(batch)
          if number % 20 == 0 { try await store.fold() }
        }
        return 0
      }
      for reader in 0..<2 {
        tasks.addTask {
          var reads = 0
          var seen: Int64 = 0
          while seen < commits {
            if reader == 0 {
              let page = try await store.history(
                HistoryRequest(
                  series: series, from: .distantPast, to: .distantFuture, resolution: .raw,
                  functions: [], limitRows: 1_000_000))
              seen = page.commit.number
              #expect(page.rows.count == Int(seen) * series.count)
            } else {
              let states = try await store.windows(
                of: series, resolution: .d1, from: .distantPast, to: .distantFuture,
                withSketch: false)
              seen = states.commit.number
              let counts = states.entries.reduce(0) { $0 + Int($1.summary.aggregate.count) }
              #expect(counts == Int(seen) * series.count)
            }
            reads += 1
          }
          return reads
        }
      }
      for try await _ in tasks {}
    }
    try await store.close()
  }
}
