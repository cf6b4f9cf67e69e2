import BrokerCore
import DeviceProtocol
import Foundation
import GRDB
import TelemetryModel
import TestValues
import Testing

@testable import TelemetryStore

/// The largest size, the write-ahead log, and what else would grow for ever.
@Suite("The store's size")
struct StoreSizeTests {
  private let fixture: StoreFixture
  private let day: Duration = .seconds(86_400)

  init() throws {
    fixture = try StoreFixture()
  }

  private func configuration(maxBytes: Int64? = nil) -> SQLiteStore.Configuration {
    var configuration = SQLiteStore.Configuration()
    configuration.maintainsItself = false
    configuration.limits.raw = day * 10_000
    configuration.limits.s10 = day * 10_000
    configuration.limits.m1 = day * 10_000
    configuration.limits.maxBytes = maxBytes
    return configuration
  }

  private func noise(_ count: Int, seed: UInt64 = 1) -> [(Int, Double)] {
    var random = Seeded(seed)
    return (0..<count).map { ($0 * 1_000, Double.random(in: 0...1, using: &random)) }
  }

  private func rows(
    _ store: SQLiteStore, _ resolution: Resolution
  ) async throws -> [HistoryRow] {
    try await store.history(
      HistoryRequest(
        series: [SeriesID(1)], from: .distantPast, to: .distantFuture, resolution: resolution,
        functions: resolution == .raw ? [] : [.count], limitRows: 10_000_000)
    ).rows
  }

  @Test("Once there are no readings left to give up, the shortest windows go; days stay")
  func windowsGo() async throws {
    let maxBytes: Int64 = 300_000
    let store = try fixture.store(configuration(maxBytes: maxBytes))
    _ = try await store.open()
    try await store.commit(
      fixture.batch(1, new: [try fixture.series(1, "temp")], noise(200_000)))
    try await store.fold()
    let days = try await rows(store, .d1).map(\.values)
    let tens = try await rows(store, .s10).count
    try await store.stayWithinLimits()
    #expect(try await rows(store, .s10).count < tens)
    #expect(try await rows(store, .d1).map(\.values) == days)
    try await store.close()
    #expect(SQLiteStore.fileBytes(fixture.path) <= maxBytes, "what is free goes to the disk")
  }

  @Test("Texts go by age with readings, and by size before windows")
  func textsGo() async throws {
    let store = try fixture.store(configuration(maxBytes: 650_000))
    _ = try await store.open()
    var batch = fixture.batch(1, new: [try fixture.series(1, "state")], noise(2_000))
    batch.texts = (0..<3_000).map {
      TextSample(
        series: SeriesID(1), time: fixture.start + .seconds($0),
        value: .string(String(repeating: "x", count: 200)), quality: .late)
    }
    try await store.commit(batch)
    try await store.fold()
    let tens = try await rows(store, .s10).count
    try await store.stayWithinLimits()
    func texts() async throws -> [HistoryRow] {
      try await store.history(
        HistoryRequest(
          series: [SeriesID(1)], from: .distantPast, to: .distantFuture, resolution: .raw,
          functions: [], limitRows: 100_000, withTexts: true)
      ).rows.filter { $0.text != nil }
    }
    let left = try await texts()
    #expect(left.count < 3_000 && left.last?.time == fixture.start + .seconds(2_999))
    #expect(left.allSatisfy { $0.received == fixture.start && $0.quality == .late })
    #expect(try await rows(store, .s10).count == tens)
    try await store.close()
    let later = fixture.start + day * 10_000 + .seconds(2_900)
    let aged = try SQLiteStore(
      path: fixture.path, configuration: configuration(), now: { later })
    _ = try await aged.open()
    try await aged.sweep()
    let kept = try await aged.pool.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM text") }
    #expect(kept == 100)
    try await aged.close()
  }

  @Test("What waits in the journal is folded before anything is given up for it")
  func journalFolds() async throws {
    let store = try fixture.store(configuration(maxBytes: 600_000))
    _ = try await store.open()
    var batch = fixture.batch(1, new: [try fixture.series(1, "temp")], [])
    batch.samples = (0..<60_000).map {
      Sample(series: SeriesID(1), time: fixture.start + .seconds($0), value: 20)
    }
    try await store.commit(batch)
    #expect(try await store.sizeBytes() > 600_000)
    try await store.stayWithinLimits()
    let usage = try await store.usage()
    #expect(usage.readingsGivenUp == 0)
    #expect(usage.unfoldedReadings == 0)
    #expect(try await rows(store, .raw).count == 60_000)
    try await store.close()
  }

  @Test("A journal is cleared in slices, and to its end")
  func journalSlices() async throws {
    var configuration = configuration()
    configuration.slice = .zero
    let store = try fixture.store(configuration)
    _ = try await store.open()
    for commit in 1...20 as ClosedRange<Int64> {
      let new = commit == 1 ? [try fixture.series(1, "temp")] : []
      try await store.commit(fixture.batch(commit, new: new, [(Int(commit) * 1_000, 1)]))
    }
    try await store.fold()
    let left = try await store.pool.read {
      try Int.fetchOne($0, sql: "SELECT count(*) FROM journal")
    }
    #expect(left == 0)
    #expect(try await rows(store, .raw).count == 20)
    try await store.close()
  }

  @Test("Readers who overlap without end do not make the write-ahead log grow without end")
  func logIsCut() async throws {
    var configuration = configuration()
    configuration.maxLogBytes = 8 << 20
    let store = try fixture.store(configuration)
    _ = try await store.open()
    try await store.commit(
      fixture.batch(1, new: [try fixture.series(1, "temp")], noise(200_000)))
    try await store.fold()
    let (longest, reads) = try await withThrowingTaskGroup(of: Int.self) { tasks in
      for _ in 0..<3 {
        tasks.addTask { [self] in
          var reads = 0
          while !Task.isCancelled {
            _ = try await rows(store, .raw).count
            reads += 1
          }
          return reads
        }
      }
      var longest: Int64 = 0
      for commit in 2...60 as ClosedRange<Int64> {
        try await store.commit(fixture.batch(commit, noise(50_000, seed: UInt64(commit))))
        try await store.cutWriteAheadLog()
        longest = max(longest, SQLiteStore.fileBytes("\(fixture.path)-wal"))
      }
      tasks.cancelAll()
      var reads = 0
      while let result = await tasks.nextResult() { reads += (try? result.get()) ?? 0 }
      return (longest, reads)
    }
    #expect(reads >= 0)
    #expect(longest < 16 << 20, "\(longest) bytes")
    try await store.close()
  }

  @Test("Gaps are kept for as long as windows of an hour")
  func gaps() async throws {
    let now = fixture.start + day * 800
    let store = try SQLiteStore(
      path: fixture.path, configuration: configuration(), now: { now })
    _ = try await store.open()
    var batch = fixture.batch(1, new: [try fixture.series(1, "temp")], [(0, 1)])
    batch.gaps = [0, 100].map { days in
      StoredGap(
        device: fixture.pi, epoch: "e1", range: SequenceRange(UInt64(days + 1)), reason: "r",
        reported: fixture.start + day * days)
    }
    try await store.commit(batch)
    try await store.sweep()
    let gaps = try await store.gaps(
      devices: [fixture.pi], from: .distantPast, to: .distantFuture)
    #expect(gaps == [batch.gaps[1]])
    try await store.close()
  }
}
