import DeviceProtocol
import Logging
import TelemetryModel

// How readers get from where they begin into their feeds.
extension LiveHub {
  /// Reads the windows that were open when a feed began, so that they will be said whole.
  func seed(_ id: FeedID) async throws {
    guard let feed = feeds[id], !feed.isReady else { return }
    guard let key = feed.tableKey else {
      feeds[id]?.isReady = true
      return
    }
    try await seed(feed.unread, in: key)
    guard feeds[id]?.isReady == false, let frontier = tables[key]?.frontier else { return }
    feeds[id]?.isReady = true
    feeds[id]?.unread = []
    feeds[id]?.cursor = Cursor(commit: lastCommit, frontier: frontier, run: runs.current)
    feeds[id]?.reached = Cursor(commit: lastCommit, frontier: frontier, run: runs.current)
  }

  func seed(_ series: [SeriesID], in key: TableKey) async throws {
    guard let frontier = tables[key]?.frontier, !series.isEmpty else { return }
    let states = try await store.windows(
      of: series.sorted(), resolution: key.resolution, from: frontier, to: .distantFuture,
      withSketch: key.withSketch)
    tables[key]?.seed(states, of: series)
  }

  /// Whether a reader is still the joiner that it was before something was waited for.
  func isJoining(_ reader: ReaderID, _ id: FeedID, as number: UInt64) -> Bool {
    feeds[id]?.joiners[reader]?.number == number
  }

  /// Answers a subscription; false where the reader has left meanwhile. What comes next is a step.
  func begin(
    _ reader: ReaderID, in id: FeedID, as number: UInt64, since: Since, request: String
  ) async throws -> Bool {
    guard let feed = feeds[id], isJoining(reader, id, as: number) else { return false }
    let now = now()
    let beginning = try await beginning(since, in: feed, now: now)
    let gaps = try await gaps(since: beginning.told, of: feed, now: now)
    // The feed may have gone on while the store was read.
    guard isJoining(reader, id, as: number), let feed = feeds[id] else { return false }
    feeds[id]?.joiners[reader]?.catchUp = CatchUp(
      at: beginning.place ?? feed.cursor, looksForChanges: beginning.looksForChanges,
      stride: CatchUp.stride(
        feed.subscription.resolution, series: feed.members.count, stepRows: limits.stepRows),
      stepRows: limits.stepRows, now: now)
    let descriptions = describe(feed)[...]
    let first = LiveEncoding.part(descriptions)
    feeds[id]?.joiners[reader]?.undescribed = descriptions.dropFirst(first.count)
    outlet.send(
      LiveEncoding.subscribed(
        request, feed: feed, cursor: beginning.place ?? feed.cursor, series: first), to: reader)
    if feed.isFull { outlet.send(tooManySeries(id), to: reader) }
    if let lost = beginning.lost { outlet.send(LiveEncoding.gap(id, lost), to: reader) }
    for gap in gaps { outlet.send(LiveEncoding.deviceGap(id, gap), to: reader) }
    feeds[id]?.joiners[reader]?.reading = nil
    if beginning.place == nil, first.count == descriptions.count { join(reader, id) }
    return true
  }

  /// Where a reader begins.
  private struct Beginning {
    /// Nil for the present.
    var place: Cursor?
    var looksForChanges = false
    var lost: LiveHistory.Lost?
    /// Since when packs that devices gave up are to be told; nil for none.
    var told: Timestamp?
  }

  private func beginning(_ since: Since, in feed: Feed, now: Timestamp) async throws -> Beginning {
    let isRaw = feed.subscription.resolution == .raw
    var present = feed.cursor
    switch since {
    case .now: return Beginning()
    case .time(let from):
      guard isRaw else {
        present.frontier = min(
          present.frontier, LiveHub.aligned(from, feed.subscription.resolution))
        return Beginning(place: present, told: from)
      }
      let first = try await history(feed).firstReading(since: from, now: now)
      return Beginning(
        place: readings(since: first, through: present.commit),
        lost: first > from ? .init(from: from, to: first, reason: LiveHistory.tooMuch) : nil,
        told: from)
    case .cursor(let cursor):
      let newest = max(cursor.commit, cursor.through ?? cursor.commit)
      guard newest > lastCommit || !runs.holds(newest, of: cursor.run) else {
        // What waits for its turn here may have been told by another feed.
        if cursor.commit > present.commit || cursor.frontier > present.frontier { say(feed.id) }
        var (place, seen) = LiveHub.place(of: cursor, in: feeds[feed.id] ?? feed)
        place.run = runs.current
        return Beginning(place: place, looksForChanges: seen, told: cursor.frontier)
      }
      // Of another store, or of one that was put back to a copy: nothing is known of that reader but
      // the time.
      let lost = LiveHistory.Lost(
        from: Timestamp(microseconds: 0), to: cursor.frontier, reason: "cursor unknown")
      if isRaw {
        present = readings(since: cursor.frontier, through: present.commit)
      } else {
        present.frontier = min(
          present.frontier, feed.subscription.resolution.windowStart(of: cursor.frontier))
      }
      return Beginning(place: present, lost: lost, told: cursor.frontier)
    }
  }

  /// Where a reader of readings is that has none from a moment on, and wants them as of a commit.
  func readings(since from: Timestamp, through commit: CommitNumber) -> Cursor {
    Cursor(
      commit: CommitNumber(0), frontier: max(from, Timestamp(microseconds: 1)),
      place: SeriesID.none, through: commit, run: runs.current)
  }

  /// Where a cursor stands in a feed, and whether windows before it were seen as of its commit. It may be
  /// of another subscription, and mean something else.
  private static func place(of cursor: Cursor, in feed: Feed) -> (Cursor, seen: Bool) {
    var place = cursor
    let resolution = feed.subscription.resolution
    guard resolution != .raw else {
      // Of windows: readings go on behind its commit.
      if place.through == nil { place.place = nil }
      return (place, false)
    }
    guard cursor.through == nil else {
      // In the midst of readings: it has seen no windows, and begins with the one that it stands in.
      place = feed.cursor
      place.frontier = min(place.frontier, resolution.windowStart(of: cursor.frontier))
      return (place, false)
    }
    place.frontier = resolution.windowStart(of: cursor.frontier)
    if place.frontier != cursor.frontier { place.place = nil }
    return (place, true)
  }

  private static func aligned(_ time: Timestamp, _ resolution: Resolution) -> Timestamp {
    let start = resolution.windowStart(of: time)
    guard start < time, let length = resolution.length else { return start }
    return start + length
  }

  /// Packs that devices gave up since a moment, the newest: whoever comes back was not told of them.
  private func gaps(since: Timestamp?, of feed: Feed, now: Timestamp) async throws -> [StoredGap] {
    guard let since, since < now else { return [] }
    let devices = Set(feed.members.compactMap { catalog[$0]?.device })
    guard !devices.isEmpty else { return [] }
    let gaps = try await store.gaps(
      devices: devices.sorted(), from: since, to: .distantFuture)
    return gaps.count <= limits.gaps
      ? gaps : gaps.sorted { $0.reported < $1.reported }.suffix(limits.gaps)
  }

  /// Takes a reader to the present, whatever lies in between, and says so.
  func giveUp(_ reader: ReaderID, in id: FeedID, reason: String) {
    guard let feed = feeds[id], let joiner = feed.joiners[reader] else { return }
    announce(joiner.undescribed, of: id) { outlet.send($0, to: reader) }
    forgetLate(reader, id, reason)
    // Where it is not known what has changed, all may have.
    let from =
      joiner.catchUp.looksForChanges
      ? Timestamp(microseconds: 0) : joiner.catchUp.position.frontier
    outlet.send(
      LiveEncoding.gap(id, .init(from: from, to: feed.cursor.frontier), reason: reason),
      to: reader)
    join(reader, id)
  }

  /// Leaves windows that have changed as the reader was told of them, and says so.
  func forgetLate(_ reader: ReaderID, _ id: FeedID, _ reason: String) {
    guard let feed = feeds[id], let joiner = feed.joiners[reader] else { return }
    let starts = joiner.late.filter { joiner.catchUp.position.hasSeen($0) }.map(\.start)
    feeds[id]?.joiners[reader]?.late = []
    guard let first = starts.min(), let last = starts.max() else { return }
    let end = last + (feed.subscription.resolution.length ?? .zero)
    outlet.send(LiveEncoding.gap(id, .init(from: first, to: end), reason: reason), to: reader)
  }

  func join(_ reader: ReaderID, _ id: FeedID) {
    guard feeds[id]?.joiners.removeValue(forKey: reader) != nil else { return }
    feeds[id]?.readers.insert(reader)
    outlet.join(reader, feed: id)
  }
}
