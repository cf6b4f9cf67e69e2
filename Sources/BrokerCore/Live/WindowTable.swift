package import TelemetryModel

/// The windows that are open now, of every series that somebody watches at one resolution: one for all
/// feeds, however many of them cover a series. A pure machine: readings and the time go in, windows
/// come out.
///
/// A window comes out once, when it has closed: its end and ``closeDelay`` have passed. It is held for a
/// while longer, so that readings that are a little late amend it at no cost; windows from before that
/// are named, to be read again whole from the store.
package struct WindowTable: Sendable {
  /// How long after its end a window stays open for readings on their way.
  package static let closeDelay: Duration = .milliseconds(30)
  /// How many windows of a series are held once they have closed.
  private static let heldWindows: Int64 = 2

  /// One window of one series, or of one group.
  package struct Key: Hashable, Sendable {
    /// Whose window.
    package var series: SeriesID
    /// When it begins.
    package var start: Timestamp

    /// Names both parts.
    package init(series: SeriesID, start: Timestamp) {
      self.series = series
      self.start = start
    }
  }

  /// What a tick has to tell.
  package struct Output: Sendable {
    /// Windows that have closed.
    package var closed: [WindowStates.Entry] = []
    /// Windows that closed before and have changed since, as they are now.
    package var amended: [WindowStates.Entry] = []
    /// Windows that have changed and are not held any more.
    package var late: Set<Key> = []
  }

  private struct Member {
    var feeds = 1
    /// Windows that begin at or after this are complete here.
    var coveredFrom: Timestamp
    /// Readings that came before the store's windows were read; nil once they were.
    var waiting: [(commit: CommitNumber, sample: Sample)]?
    /// Readings of later commits wait; the store has to be read as of this one at least.
    var coveredAt = CommitNumber(0)
    /// What the store's windows were read as of: they have the readings of commits up to this one.
    var seededAt = CommitNumber(0)
  }

  /// Tells it from others that there were at its resolution.
  let number: UInt64
  private let resolution: Resolution
  private let length: Duration
  private let withSketch: Bool
  private var members: [SeriesID: Member] = [:]
  private var open: [Key: WindowSummary] = [:]
  private var held: [Key: WindowSummary] = [:]
  private var heldFrom: Timestamp
  private var amended: Set<Key> = []
  private var late: Set<Key> = []
  /// Windows that begin before this moment are closed.
  package private(set) var frontier: Timestamp

  /// A table that begins now: windows that closed before belong to history. `resolution` is not `raw`.
  package init(_ resolution: Resolution, withSketch: Bool, now: Timestamp, number: UInt64 = 0) {
    self.number = number
    self.resolution = resolution
    self.withSketch = withSketch
    length = resolution.length ?? .seconds(1)
    frontier = WindowTable.frontier(resolution, at: now)
    heldFrom = frontier
  }

  /// The start of the oldest window that is open at a moment; the moment itself for raw readings.
  package static func frontier(_ resolution: Resolution, at now: Timestamp) -> Timestamp {
    resolution == .raw ? now : resolution.windowStart(of: now - closeDelay)
  }

  /// Whether nobody watches anything.
  package var isEmpty: Bool { members.isEmpty }
  /// How many windows are open: what memory there is is made of.
  package var openWindows: Int { open.count }

  // MARK: - Who is watched

  /// Watches series for one feed more; returns those whose open windows have to be read from the store
  /// and given to ``seed(_:of:)``, the others being here already. Until then their readings wait.
  /// `commit` is the last one whose readings were added, or would have been.
  package mutating func cover(
    _ series: some Sequence<SeriesID>, at commit: CommitNumber
  ) -> [SeriesID] {
    var unknown: [SeriesID] = []
    for id in series {
      if members[id] == nil {
        members[id] = Member(coveredFrom: .distantFuture, waiting: [], coveredAt: commit)
      } else {
        members[id]?.feeds += 1
      }
      if members[id]?.waiting != nil { unknown.append(id) }
    }
    return unknown
  }

  /// Watches a series that has no readings yet for one feed more.
  package mutating func coverNew(_ series: SeriesID) {
    if members[series] == nil {
      members[series] = Member(coveredFrom: .distantPast)
    } else {
      members[series]?.feeds += 1
    }
  }

  /// Watches series for one feed less.
  package mutating func uncover(_ series: some Sequence<SeriesID>) {
    var gone: Set<SeriesID> = []
    for id in series {
      guard let feeds = members[id]?.feeds else { continue }
      if feeds > 1 {
        members[id]?.feeds = feeds - 1
      } else {
        members[id] = nil
        gone.insert(id)
      }
    }
    guard !gone.isEmpty else { return }
    open = open.filter { !gone.contains($0.key.series) }
    held = held.filter { !gone.contains($0.key.series) }
    amended = amended.filter { !gone.contains($0.series) }
    late = late.filter { !gone.contains($0.series) }
  }

  /// Takes over what the store held, as of one commit, of the windows that were open when series were
  /// covered, and counts the readings that came after that commit. Of no effect for series that were
  /// covered anew after that commit: there another reading is on its way.
  package mutating func seed(_ states: WindowStates, of series: [SeriesID]) {
    let waited = series.filter { id in
      members[id].map { $0.waiting != nil && $0.coveredAt <= states.commit } ?? false
    }
    let wanted = Set(waited)
    for entry in states.entries where wanted.contains(entry.series) && entry.start >= frontier {
      open[Key(series: entry.series, start: entry.start)] = entry.summary
    }
    for id in waited {
      guard let waiting = members[id]?.waiting else { continue }
      members[id]?.waiting = nil
      members[id]?.coveredFrom = frontier
      members[id]?.seededAt = states.commit
      for (commit, sample) in waiting { add(sample, commit: commit) }
    }
  }

  // MARK: - What comes in

  /// Takes one committed reading; of no effect where nobody watches its series.
  package mutating func add(_ sample: Sample, commit: CommitNumber) {
    guard let member = members[sample.series] else { return }
    guard member.waiting == nil else {
      members[sample.series]?.waiting?.append((commit, sample))
      return
    }
    let key = Key(series: sample.series, start: resolution.windowStart(of: sample.time))
    // The store may have had a commit before it is told here.
    if commit <= member.seededAt, key.start >= member.coveredFrom { return }
    if key.start >= frontier {
      open[key, default: WindowSummary(withSketch: withSketch)].add(sample.value, at: sample.time)
    } else if key.start >= max(heldFrom, member.coveredFrom) {
      held[key, default: WindowSummary(withSketch: withSketch)].add(sample.value, at: sample.time)
      amended.insert(key)
    } else {
      late.insert(key)
    }
  }

  // MARK: - What comes out

  /// Closes what is due, and tells what there is to tell.
  package mutating func tick(now: Timestamp) -> Output {
    var output = Output()
    swap(&output.late, &late)
    for key in amended {
      guard let summary = held[key] else { continue }
      output.amended.append(.init(series: key.series, start: key.start, summary: summary))
    }
    amended.removeAll(keepingCapacity: true)
    output.amended.sort { ($0.start, $0.series) < ($1.start, $1.series) }
    let due = WindowTable.frontier(resolution, at: now)
    guard due > frontier else { return output }
    frontier = due
    let keptFrom = due - length * WindowTable.heldWindows
    if keptFrom > heldFrom {
      heldFrom = keptFrom
      held = held.filter { $0.key.start >= keptFrom }
    }
    for (key, summary) in open where key.start < due {
      output.closed.append(.init(series: key.series, start: key.start, summary: summary))
      open[key] = nil
      if key.start >= heldFrom { held[key] = summary }
    }
    output.closed.sort { ($0.start, $0.series) < ($1.start, $1.series) }
    return output
  }
}
