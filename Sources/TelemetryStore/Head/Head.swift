import BrokerCore
import Synchronization
import TelemetryModel

/// What was committed and is not folded yet, in memory, by series; the journal holds the same on
/// disk. Safe from any thread; its lock is held for copies of references and appends only.
///
/// A reader takes its view here first, opens its snapshot of the file then, and leaves out of the
/// view what that snapshot says is folded: both together are everything as of one commit.
final class Head: Sendable {
  /// A reading and the commit that brought it.
  struct Entry {
    var time: Timestamp
    var value: Double
    private var commitAndQuality: UInt64

    init(_ sample: Sample, commit: CommitNumber) {
      time = sample.time
      value = sample.value
      commitAndQuality =
        UInt64(bitPattern: commit.number) << 8 | UInt64(sample.quality.rawValue)
    }

    var commit: CommitNumber { CommitNumber(Int64(bitPattern: commitAndQuality >> 8)) }
    var quality: SampleQuality {
      SampleQuality(rawValue: UInt8(truncatingIfNeeded: commitAndQuality))
    }
  }

  /// Some series as of one commit.
  struct View {
    /// The newest commit in the view.
    var last: CommitNumber
    fileprivate var entries: [SeriesID: ContiguousArray<Entry>] = [:]
    fileprivate var arrivals: Arrivals

    /// A series' readings that came with commits after one, and up to another, in the order in which
    /// they came.
    func readings(
      of series: SeriesID, after commit: CommitNumber, through last: CommitNumber? = nil
    ) -> [Reading] {
      guard let entries = entries[series] else { return [] }
      // Commits ascend: what is left out is a beginning and an end.
      let first = entries.firstIndex { $0.commit > commit } ?? entries.endIndex
      let end = last ?? self.last
      let wanted = entries[first...].prefix { $0.commit <= end }
      return wanted.map { entry in
        Reading(
          time: entry.time, value: entry.value, quality: entry.quality,
          received: entry.quality.isEmpty ? nil : arrivals[entry.commit])
      }
    }
  }

  /// When commits came.
  fileprivate struct Arrivals {
    private var commits: ContiguousArray<(commit: CommitNumber, received: Timestamp)> = []

    /// Kept to the millisecond, as it is when it is folded.
    mutating func append(_ commit: CommitNumber, _ received: Timestamp) {
      let milliseconds = received.microseconds / 1_000
      commits.append((commit, Timestamp(microseconds: milliseconds * 1_000)))
    }

    mutating func drop(upTo commit: CommitNumber) {
      commits.removeSubrange(..<index(after: commit))
    }

    subscript(commit: CommitNumber) -> Timestamp? {
      let index = index(after: commit) - 1
      return index >= 0 && commits[index].commit == commit ? commits[index].received : nil
    }

    /// The newest commit that came at or before a moment.
    func newest(by time: Timestamp) -> CommitNumber? {
      commits.last { $0.received <= time }?.commit
    }

    var oldest: Timestamp? { commits.first?.received }

    private func index(after commit: CommitNumber) -> Int {
      var (low, high) = (0, commits.count)
      while low < high {
        let middle = (low + high) / 2
        if commits[middle].commit <= commit { low = middle + 1 } else { high = middle }
      }
      return low
    }
  }

  private struct State {
    var last = CommitNumber(0)
    /// By series number: numbers are given out without holes.
    var entries: [ContiguousArray<Entry>] = []
    var arrivals = Arrivals()
    var count = 0
  }

  private let state = Mutex(State())

  /// Empties it; what comes next follows this commit.
  func reset(last: CommitNumber) {
    state.withLock { state in
      state = State()
      state.last = last
    }
  }

  /// Takes a commit's readings in; `isFolded` tells of series and commits that are in the file.
  func append(
    _ samples: [Sample], commit: CommitNumber, received: Timestamp,
    isFolded: (SeriesID) -> Bool = { _ in false }
  ) {
    state.withLock { state in
      state.last = max(state.last, commit)
      state.arrivals.append(commit, received)
      for sample in samples where !isFolded(sample.series) {
        let number = Int(sample.series.number)
        if number >= state.entries.count {
          let missing = number + 1 - state.entries.count
          state.entries.append(contentsOf: repeatElement([], count: missing))
        }
        state.entries[number].append(Entry(sample, commit: commit))
        state.count += 1
      }
    }
  }

  /// The given series, as of now.
  func view(of series: some Sequence<SeriesID>) -> View {
    state.withLock { state in
      var view = View(last: state.last, arrivals: state.arrivals)
      for id in series where id.number >= 0 && id.number < state.entries.count {
        let entries = state.entries[Int(id.number)]
        if !entries.isEmpty { view.entries[id] = entries }
      }
      return view
    }
  }

  /// Lets go of what was folded of a series.
  func drop(_ series: some Sequence<SeriesID>, upTo commit: CommitNumber) {
    state.withLock { state in
      for id in series where id.number >= 0 && id.number < state.entries.count {
        let number = Int(id.number)
        let kept = state.entries[number].drop { $0.commit <= commit }
        state.count -= state.entries[number].count - kept.count
        state.entries[number] = ContiguousArray(kept)
      }
    }
  }

  /// Lets go of when commits came that are folded for every series.
  func forgetArrivals(upTo commit: CommitNumber) {
    state.withLock { $0.arrivals.drop(upTo: commit) }
  }

  /// The next series from a number on that has readings.
  func nextSeries(from series: SeriesID) -> SeriesID? {
    state.withLock { state in
      var number = max(0, Int(series.number))
      while number < state.entries.count {
        if !state.entries[number].isEmpty { return SeriesID(Int64(number)) }
        number += 1
      }
      return nil
    }
  }

  /// How much is held, and since when.
  var size: (readings: Int, last: CommitNumber, oldest: Timestamp?) {
    state.withLock { ($0.count, $0.last, $0.arrivals.oldest) }
  }

  /// The newest commit that came at or before a moment, if any is held.
  func newestCommit(by time: Timestamp) -> CommitNumber? {
    state.withLock { $0.arrivals.newest(by: time) }
  }
}
