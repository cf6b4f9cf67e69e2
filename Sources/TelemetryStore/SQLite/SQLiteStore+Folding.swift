import BrokerCore
import GRDB
import Logging
import Synchronization
import TelemetryModel

/// Folding: what waits in the journal and the head goes into chunks and windows, in slices.
extension SQLiteStore {
  /// What the store remembers of its upkeep between rounds.
  struct Bookkeeping {
    var foldingProblem: String?
    var lastSweep: Timestamp?
    var readingsGivenUp: UInt64 = 0
  }

  private struct Slice {
    var series: [SeriesID]
    var target: CommitNumber
    var isLast: Bool
  }

  /// One round of upkeep; says in the log what fails, once, and tries again in the next.
  func maintain() async {
    do {
      if let target = foldTarget() { try await fold(through: target) }
      try await stayWithinLimits()
      let problem = bookkeeping.withLock { state in
        defer { state.foldingProblem = nil }
        return state.foldingProblem
      }
      if problem != nil { logger.notice("The store is kept in order again") }
    } catch is CancellationError {
      return
    } catch {
      let isNew = bookkeeping.withLock { state in
        defer { state.foldingProblem = "\(error)" }
        return state.foldingProblem == nil
      }
      if isNew {
        logger.error("The store cannot be kept in order", metadata: ["error": "\(error)"])
      }
    }
  }

  /// Folds everything that was committed, whatever its age; commits go on meanwhile.
  ///
  /// - Throws: ``StoreError``.
  package func fold() async throws {
    try await attempt { try await fold(through: head.size.last) }
  }

  /// The commit to fold through now, if any.
  private func foldTarget() -> CommitNumber? {
    let (readings, last, oldest) = head.size
    guard let oldest else { return nil }
    let now = now()
    if readings >= configuration.foldReadings {
      return head.newestCommit(by: now - min(configuration.resumeSpan, .seconds(2))) ?? last
    }
    guard now - oldest >= configuration.foldAge else { return nil }
    return head.newestCommit(by: now - configuration.resumeSpan)
  }

  private func fold(through last: CommitNumber) async throws {
    var slice: Slice
    repeat {
      try Task.checkCancellation()
      slice = try await foldSlice(through: last)
      head.drop(slice.series, upTo: slice.target)
      if slice.isLast { head.forgetArrivals(upTo: slice.target) }
      // A fold that was going on, from before a restart perhaps, comes to its end first.
    } while !slice.isLast || slice.target < last
    try await clearJournal()
  }

  private func foldSlice(through last: CommitNumber) async throws -> Slice {
    let keptSince = keptSince()
    return try await write { [head, configuration] db in
      let end = ContinuousClock.now + configuration.slice
      var progress = try SQLiteProgress.fetch(db)
      if !progress.isFolding {
        guard last > progress.folded else {
          return Slice(series: [], target: last, isLast: true)
        }
        progress.target = last
      }
      let chunks = SQLiteChunks(db: db)
      let windows = SQLiteWindows(db: db)
      var done: [SeriesID] = []
      var next = head.nextSeries(from: progress.next)
      while let series = next, ContinuousClock.now < end || done.isEmpty {
        let readings = head.view(of: [series])
          .readings(of: series, after: progress.folded, through: progress.target)
        if !readings.isEmpty {
          let closed = try chunks.fold(readings, into: series)
          try windows.add(closed, to: series, keptSince: keptSince)
        }
        done.append(series)
        progress.next = SeriesID(series.number + 1)
        next = head.nextSeries(from: progress.next)
      }
      let slice = Slice(series: done, target: progress.target, isLast: next == nil)
      if slice.isLast {
        progress.folded = progress.target
        progress.next = SeriesID(0)
      }
      try progress.save(db)
      return slice
    }
  }

  /// Deletes what the journal holds of commits that are folded.
  private func clearJournal() async throws {
    var deleted: Int
    repeat {
      deleted = try await write { db in
        try db.execute(
          sql: """
            DELETE FROM journal WHERE number <= (SELECT folded FROM progress)
              AND number < (SELECT min(number) FROM journal) + 500
            """)
        return db.changesCount
      }
    } while deleted > 0
  }

  /// From when on windows of a level are kept.
  func keptSince() -> @Sendable (WindowLevel) -> Timestamp {
    let (now, limits) = (now(), configuration.limits)
    return { level in limits[level.resolution].map { now - $0 } ?? .distantPast }
  }
}
