import BrokerCore
import GRDB
import Logging
import Synchronization
import TelemetryModel

/// Folding: what waits in the journal and the head goes into chunks and windows, in slices.
extension SQLiteStore {
  /// What the store remembers of its upkeep between rounds.
  struct Bookkeeping {
    /// Why folding or retention failed the last time; nil once they work again.
    var problem: String?
    /// What was found damaged last, and when: it may lie where nobody reads for hours.
    var damage: (text: String, seen: Timestamp)?
    /// Series whose readings are kept aside until the next sweep; then folding is tried again.
    var damagedSeries: Set<SeriesID> = []
    var lastSweep: Timestamp?
    var readingsGivenUp: UInt64 = 0
    var isClosed = false
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
      try await cutWriteAheadLog()
      let problem = bookkeeping.withLock { state in
        defer { state.problem = nil }
        return state.problem
      }
      if problem != nil { logger.notice("The store is kept in order again") }
    } catch is CancellationError {
      return
    } catch {
      let text = StoreError(error, path: path).description
      let isNew = bookkeeping.withLock { state in
        defer { state.problem = text }
        return state.problem == nil
      }
      if isNew { logger.error("The store cannot be kept in order", metadata: ["error": "\(text)"]) }
    }
  }

  /// Folds everything that was committed, whatever its age; commits go on meanwhile.
  ///
  /// - Throws: ``StoreError``.
  package func fold() async throws {
    try await attempt { try await fold(through: head.size.last) }
  }

  /// Whether so much waits that the next round of upkeep begins at once, as folding works.
  var isFarBehind: Bool {
    head.size.readings >= configuration.foldReadings * 2
      && bookkeeping.withLock { $0.problem == nil }
  }

  /// The commit to fold through now, if any.
  private func foldTarget() -> CommitNumber? {
    let (readings, last, oldest) = head.size
    guard let oldest else { return nil }
    let now = now()
    // Far too many: what readers could go on from matters less than that devices are not refused.
    if readings >= configuration.foldReadings * 2 { return last }
    if readings >= configuration.foldReadings {
      return head.newestCommit(by: now - min(configuration.resumeSpan, .seconds(2))) ?? last
    }
    guard now - oldest >= configuration.foldAge else { return nil }
    return head.newestCommit(by: now - configuration.resumeSpan)
  }

  func fold(through last: CommitNumber) async throws {
    var slice: Slice
    repeat {
      try Task.checkCancellation()
      slice = try await foldSliceAroundDamage(through: last)
      head.drop(slice.series, upTo: slice.target)
      if slice.isLast { head.forgetArrivals(upTo: slice.target) }
      // A fold that was going on, from before a restart perhaps, comes to its end first.
    } while !slice.isLast || slice.target < last
    try await clearJournal()
  }

  /// One slice. Where a series turns out to be damaged, nothing of the slice was written: it is done
  /// again, with that series' readings kept aside.
  private func foldSliceAroundDamage(through last: CommitNumber) async throws -> Slice {
    while true {
      do {
        return try await foldSlice(through: last)
      } catch let damaged as DamagedSeries {
        bookkeeping.withLock { _ = $0.damagedSeries.insert(damaged.series) }
        noteDamage(StoreError(damaged.damage, path: path).description)
      }
    }
  }

  private func foldSlice(through last: CommitNumber) async throws -> Slice {
    let keptSince = keptSince()
    let damaged = bookkeeping.withLock { $0.damagedSeries }
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
      let parking = SQLiteParking(db: db)
      var done: [SeriesID] = []
      var next = head.nextSeries(from: progress.next)
      while let series = next, ContinuousClock.now < end || done.isEmpty {
        let readings = head.view(of: [series])
          .readings(of: series, after: progress.folded, through: progress.target)
        if damaged.contains(series) {
          try parking.park(readings, of: series)
        } else if !readings.isEmpty {
          do {
            let parked = try parking.readings(of: series)
            let closed = try chunks.fold(parked + readings, into: series)
            try windows.add(closed, to: series, keptSince: keptSince)
            if !parked.isEmpty { try parking.delete(series) }
          } catch let damage as DamagedBlob {
            throw DamagedSeries(series: series, damage: damage)
          }
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

  /// Deletes what the journal holds of commits that are folded. A row may be hundreds of kilobytes, and
  /// its pages are freed one by one: so this goes in slices too.
  private func clearJournal() async throws {
    var deleted: Int
    repeat {
      deleted = try await write { [configuration] db in
        let end = ContinuousClock.now + configuration.slice
        let statement = try db.cachedStatement(
          sql: """
            DELETE FROM journal WHERE number = (SELECT min(number) FROM journal)
              AND number <= (SELECT folded FROM progress)
            """)
        var rows = 0
        repeat {
          try statement.execute()
          guard db.changesCount > 0 else { break }
          rows += 1
        } while ContinuousClock.now < end
        return rows
      }
    } while deleted > 0
  }

  /// From when on windows of a level are kept.
  func keptSince() -> @Sendable (WindowLevel) -> Timestamp {
    let (now, limits) = (now(), configuration.limits)
    return { level in limits[level.resolution].map { now - $0 } ?? .distantPast }
  }
}
