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
    try await seed(Array(feed.members), in: key)
    guard feeds[id]?.isReady == false, let frontier = tables[key]?.frontier else { return }
    feeds[id]?.isReady = true
    feeds[id]?.cursor = Cursor(commit: lastCommit, frontier: frontier)
    feeds[id]?.reached = Cursor(commit: lastCommit, frontier: frontier)
  }

  func seed(_ series: [SeriesID], in key: TableKey) async throws {
    guard let frontier = tables[key]?.frontier, !series.isEmpty else { return }
    let states = try await store.windows(
      of: series.sorted(), resolution: key.resolution, from: frontier, to: .distantFuture,
      withSketch: key.withSketch)
    tables[key]?.seed(states, of: series)
  }

  /// Answers a subscription, and takes the first step.
  func begin(
    _ reader: ReaderID, in id: FeedID, since: Since, request: String
  ) async throws {
    guard let feed = feeds[id], feed.joiners[reader] != nil else { return }
    let now = now()
    let stride = CatchUp.stride(
      feed.subscription.resolution, series: feed.members.count, stepRows: limits.stepRows)
    let isRaw = feed.subscription.resolution == .raw
    var place = feed.cursor
    var looksForChanges = false
    var lost: LiveHistory.Lost?
    switch since {
    case .now: break
    case .time(var from):
      if isRaw {
        let first = try await history(feed).firstReading(since: from, now: now)
        if first > from { lost = .init(from: from, to: first, reason: LiveHistory.tooMuch) }
        from = max(first, Timestamp(microseconds: 1))
        place = Cursor(
          commit: CommitNumber(0), frontier: from, place: SeriesID.none,
          through: feed.cursor.commit)
      } else if from < place.frontier {
        place.frontier = LiveHub.aligned(from, feed.subscription.resolution)
      }
    case .cursor(let cursor):
      if cursor.commit > lastCommit || (cursor.through ?? cursor.commit) > lastCommit {
        // Of another store, or of one that was put back to a copy: nothing is known of that reader.
        lost = .init(
          from: Timestamp(microseconds: 0), to: cursor.frontier, reason: "cursor unknown")
        if !isRaw, cursor.frontier < place.frontier { place.frontier = cursor.frontier }
      } else {
        (place, looksForChanges) = LiveHub.place(of: cursor, in: feed)
      }
    }
    // The reader may have gone, and the feed gone on, while the store was read.
    guard feeds[id]?.joiners[reader] != nil, let feed = feeds[id] else { return }
    feeds[id]?.joiners[reader]?.catchUp = CatchUp(
      at: place, looksForChanges: looksForChanges, stride: stride, stepRows: limits.stepRows,
      now: now)
    let descriptions = describe(feed)
    outlet.send(
      LiveEncoding.subscribed(
        request, feed: feed, cursor: place,
        series: descriptions.prefix(LiveEncoding.seriesPerMessage)), to: reader)
    announce(descriptions.dropFirst(LiveEncoding.seriesPerMessage), of: id) { message in
      outlet.send(message, to: reader)
    }
    if let lost { outlet.send(LiveEncoding.gap(id, lost), to: reader) }
    if case .now = since { return join(reader, id) }
    try await step(reader, in: id)
  }

  /// Where a cursor stands in a feed, and whether windows before it were seen as of its commit. It may be of
  /// another subscription, and mean something else.
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

  /// Reads steps for a reader until there is something for it, or it is in the present.
  func step(_ reader: ReaderID, in id: FeedID) async throws {
    while let feed = feeds[id], let joiner = feed.joiners[reader], !joiner.isReading {
      let isRaw = feed.subscription.resolution == .raw
      var catchUp = joiner.catchUp
      guard !catchUp.givesUp(isRaw: isRaw, frontier: feed.cursor.frontier, now: now()) else {
        return giveUp(reader, in: id, reason: "slow reader")
      }
      feeds[id]?.joiners[reader]?.isReading = true
      defer { feeds[id]?.joiners[reader]?.isReading = false }
      let present = feed.cursor
      let count = feed.saidCount
      let read: LiveHistory.Step
      if catchUp.looksForChanges {
        read = try await changes(&catchUp, feed, reader)
      } else if isRaw {
        read = try await history(feed).readings(&catchUp, until: present, now: now())
      } else {
        read = try await history(feed).windows(catchUp, until: present)
      }
      guard feeds[id]?.joiners[reader] != nil else { return }
      var messages = encode(read, feed, at: catchUp.position)
      if read.isTooOld {
        // What came in between is not told apart; what was measured since is.
        let from = max(catchUp.position.frontier, Timestamp(microseconds: 1))
        let place = Cursor(
          commit: CommitNumber(0), frontier: from, place: SeriesID.none, through: present.commit)
        catchUp.move(to: place)
      } else {
        catchUp.stepped(to: read.place, rows: read.size)
      }
      feeds[id]?.joiners[reader]?.catchUp = catchUp
      if let lost = read.lost { messages.append(LiveEncoding.gap(id, lost)) }
      for message in messages { outlet.send(message, to: reader) }
      if feed.isThere(catchUp.position, present), await isJoined(reader, id, since: count) {
        return
      }
      if !messages.isEmpty {
        feeds[id]?.joiners[reader]?.isReading = false
        return outlet.askWhenReady(reader, feed: id)
      }
      // A step may not have waited for anything: what is committed comes first.
      await Task.yield()
    }
  }

  private func encode(_ step: LiveHistory.Step, _ feed: Feed, at position: Cursor) -> [LiveMessage]
  {
    if step.isTooOld {
      return [
        LiveEncoding.gap(
          feed.id,
          .init(
            from: Timestamp(microseconds: 0), to: position.frontier, reason: "cursor too old"))
      ]
    }
    var partly = step.place
    partly.commit = position.commit
    partly.through = position.through
    if feed.subscription.resolution == .raw, partly.through == nil {
      partly.through = step.place.through ?? step.place.commit
    }
    return LiveEncoding.updates(
      feed.id, rows: step.rows, size: step.size,
      perMessage: min(feed.rowsPerMessage, limits.stepRows),
      length: feed.subscription.resolution.length ?? .zero, before: partly, after: step.place,
      amends: false)
  }

  /// Windows before the reader's cursor that were changed since: the first step of one that comes back.
  private func changes(
    _ catchUp: inout CatchUp, _ feed: Feed, _ reader: ReaderID
  ) async throws -> LiveHistory.Step {
    catchUp.looksForChanges = false
    var place = catchUp.position
    guard let changes = try await history(feed).changes(since: place) else {
      return LiveHistory.Step(
        place: place,
        lost: .init(
          from: Timestamp(microseconds: 0), to: place.frontier, reason: "cursor too old"))
    }
    // The hub hears of a commit a little later than the store has it.
    place.commit = max(place.commit, min(changes.through, lastCommit))
    await sayAmended(changes.keys, feed, reader, before: catchUp.position, after: place)
    return LiveHistory.Step(place: place)
  }

  private func sayAmended(
    _ keys: Set<WindowTable.Key>, _ feed: Feed, _ reader: ReaderID, before: Cursor, after: Cursor
  ) async {
    guard !keys.isEmpty else { return }
    do {
      let rows = try await history(feed).windows(keys)
      for message in LiveEncoding.updates(
        feed.id, rows: rows, perMessage: feed.rowsPerMessage,
        length: feed.subscription.resolution.length ?? .zero, before: before, after: after,
        amends: true, isOrdered: false)
      { outlet.send(message, to: reader) }
    } catch {
      logger.error("Late windows could not be read", metadata: ["error": "\(error)"])
      let starts = keys.map(\.start)
      guard let first = starts.min(), let last = starts.max() else { return }
      outlet.send(
        LiveEncoding.gap(
          feed.id, .init(from: first, to: last), reason: "the store cannot be read"), to: reader)
    }
  }

  /// Brings a reader that was in the present when a step began over what was said meanwhile; whether it
  /// is in its feed then. Where late readings have changed windows that it was told, it is told these
  /// first, and has one more step to take: no cursor is to say that it saw them before it did.
  private func isJoined(_ reader: ReaderID, _ id: FeedID, since count: Int) async -> Bool {
    guard let feed = feeds[id], let joiner = feed.joiners[reader],
      let said = feed.said(since: count)
    else { return false }
    guard joiner.late.isEmpty else {
      let position = joiner.catchUp.position
      feeds[id]?.joiners[reader]?.late = []
      let told = joiner.late.filter { $0.start < position.frontier }
      await sayAmended(told, feed, reader, before: position, after: position)
      return false
    }
    for message in said.flatMap(\.messages) { outlet.send(message, to: reader) }
    join(reader, id)
    return true
  }

  /// Takes a reader to the present, whatever lies in between, and says so.
  func giveUp(_ reader: ReaderID, in id: FeedID, reason: String) {
    guard let feed = feeds[id], let joiner = feed.joiners[reader] else { return }
    outlet.send(
      LiveEncoding.gap(
        id, .init(from: joiner.catchUp.position.frontier, to: feed.cursor.frontier),
        reason: reason), to: reader)
    join(reader, id)
  }

  private func join(_ reader: ReaderID, _ id: FeedID) {
    guard feeds[id]?.joiners.removeValue(forKey: reader) != nil else { return }
    feeds[id]?.readers.insert(reader)
    outlet.join(reader, feed: id)
  }
}
