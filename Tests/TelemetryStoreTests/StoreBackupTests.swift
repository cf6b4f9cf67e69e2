import BrokerCore
import DeviceProtocol
import Foundation
import GRDB
import TelemetryModel
import Testing

@testable import TelemetryStore

/// Copies of a store that is being written to.
@Suite("Backup of the store")
struct StoreBackupTests {
  private let fixture: StoreFixture

  init() throws {
    fixture = try StoreFixture()
  }

  private var target: String { fixture.folder + "/copy.sqlite" }

  private func values(_ store: SQLiteStore) async throws -> [Double?] {
    try await store.history(
      HistoryRequest(
        series: [SeriesID(1)], from: .distantPast, to: .distantFuture, resolution: .raw,
        functions: [], limitRows: 10_000_000)
    ).rows.map { $0.values[0] }
  }

  private func write(_ commits: ClosedRange<Int64>, to store: SQLiteStore) async throws {
    for commit in commits {
      let new = commit == 1 ? [try fixture.series(1, "temp")] : []
      try await store.commit(
        fixture.batch(
          commit, new: new, [(Int(commit) * 1_000, Double(commit))], acked: UInt64(commit)))
      if commit % 100 == 50 { try await store.fold() }
    }
  }

  @Test("A copy made while commits and folds go on is the store as of one commit")
  func whileWriting() async throws {
    var configuration = SQLiteStore.Configuration()
    configuration.maintainsItself = false
    let store = try fixture.store(configuration)
    _ = try await store.open()
    try await write(1...200, to: store)
    let writing = Task { try await write(201...600, to: store) }
    let summary = try await SQLiteBackup.copy(fixture.path, to: target)
    try await writing.value
    let commit = summary.commit.number
    #expect(commit >= 200 && summary.readings == Int(commit) && summary.series == 1)

    let copy = try SQLiteStore(path: target, configuration: configuration)
    #expect(try await copy.open().lastCommit == summary.commit)
    #expect(try await values(copy) == (1...commit).map { Double($0) })
    #expect(
      try await copy.ackedRanges(device: fixture.pi, epoch: "e1")
        == SequenceRanges(upTo: UInt64(commit)))
    // It goes on from there as any store does.
    try await copy.commit(fixture.batch(commit + 1, [(0, 7)]))
    try await copy.fold()
    #expect(try await values(copy).count == Int(commit) + 1)
    try await copy.close()
    #expect(try await values(store).count == 600)
    try await store.close()
  }

  @Test("A store that was killed can be copied: what its log holds is in the copy")
  func afterKill() async throws {
    var configuration = SQLiteStore.Configuration()
    configuration.maintainsItself = false
    let store = try fixture.store(configuration)
    _ = try await store.open()
    try await write(1...40, to: store)
    // As a kill leaves them: the files of a store that nobody has closed, somewhere else.
    let other = fixture.folder + "/killed.sqlite"
    for ending in ["", "-wal"] {
      try TextFile.write(try TextFile.read(fixture.path + ending), to: other + ending)
    }
    let summary = try await SQLiteBackup.copy(other, to: target)
    #expect(summary.commit == CommitNumber(40) && summary.readings == 40)
    try await store.close()
  }

  @Test("What is there already is not written over, and what is not there says so")
  func refusals() async throws {
    let store = try fixture.store()
    _ = try await store.open()
    try await write(1...3, to: store)
    try await store.close()
    try TextFile.write([1, 2, 3], to: target)
    await #expect(throws: StoreError.self) {
      try await SQLiteBackup.copy(fixture.path, to: target)
    }
    #expect(try TextFile.read(target) == [1, 2, 3])
    await #expect(throws: StoreError.self) {
      try await SQLiteBackup.copy(fixture.folder + "/none", to: target + "2")
    }
    let files = try FileManager.default.contentsOfDirectory(atPath: fixture.folder)
    #expect(!files.contains { $0.hasSuffix(".partial") || $0 == "none" })
  }

  @Test("A damaged block is found, and no copy is left")
  func damaged() async throws {
    let store = try fixture.store()
    _ = try await store.open()
    try await write(1...120, to: store)
    try await store.fold()
    try await store.pool.write { db in
      try db.execute(sql: "UPDATE tail SET data = zeroblob(length(data))")
    }
    try await store.close()
    do {
      _ = try await SQLiteBackup.copy(fixture.path, to: target)
      Issue.record("a damaged store was copied")
    } catch StoreError.unusable(let text) {
      #expect(text.contains("damaged"))
    }
    #expect(!FileManager.default.fileExists(atPath: target))
    #expect(!FileManager.default.fileExists(atPath: target + ".partial"))
  }
}
