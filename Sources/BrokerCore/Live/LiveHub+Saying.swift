import Logging
import TelemetryModel

// What feeds say, and when.
extension LiveHub {
  /// Closes the windows that are due, and says what there is to say.
  func tick() {
    let now = now()
    for id in Array(feeds.keys) {
      if feeds[id]?.tableKey == nil, feeds[id]?.rows.isEmpty == true {
        // Nothing of later commits was for this feed.
        feeds[id]?.cursor = Cursor(commit: lastCommit, frontier: now, run: runs.current)
        feeds[id]?.reached = Cursor(commit: lastCommit, frontier: now, run: runs.current)
      }
      if let place = feeds[id]?.sayPlace(now: now) { outlet.publish(place, to: id) }
    }
    for key in Array(tables.keys) {
      guard let output = tables[key]?.tick(now: now), let frontier = tables[key]?.frontier else {
        continue
      }
      let ready = feeds.values.filter { $0.tableKey == key && $0.isReady }.map(\.id)
      let isReady = Set(ready)
      for entry in output.closed {
        for id in feedsBySeries[entry.series] ?? [] where isReady.contains(id) {
          feeds[id]?.closed(entry)
        }
      }
      for entry in output.amended {
        for id in feedsBySeries[entry.series] ?? [] where isReady.contains(id) {
          feeds[id]?.amend(entry)
        }
      }
      for late in output.late {
        for id in feedsBySeries[late.series] ?? [] where isReady.contains(id) {
          feeds[id]?.changed(late)
        }
      }
      for id in ready.sorted(by: { $0.number < $1.number }) {
        feeds[id]?.reached = Cursor(commit: lastCommit, frontier: frontier, run: runs.current)
        speak(id, now: now)
      }
    }
  }

  /// Says what a feed has to say, now or when it may.
  func speak(_ id: FeedID, now: Timestamp) {
    guard let feed = feeds[id], feed.isReady else { return }
    guard let rate = feed.subscription.maxRate else { return say(id) }
    // The clock may have been put back.
    let due = min(feed.due, now + .fromSeconds(1 / rate))
    feeds[id]?.due = due
    // A message that is full does not wait.
    guard now < due, feed.waitingSize < feed.rowsPerMessage else {
      // Nothing to say takes nothing of the rate.
      if !feed.rows.isEmpty || feed.merged?.isEmpty == false || !feed.amended.isEmpty
        || !feed.late.isEmpty
      {
        feeds[id]?.due = now + .fromSeconds(1 / rate)
      }
      return say(id)
    }
    guard !feed.isTimed else { return }
    feeds[id]?.isTimed = true
    let wait = due - now
    Task { [weak self] in
      try? await Task.sleep(for: wait)
      await self?.speakAtLast(id)
    }
  }

  private func speakAtLast(_ id: FeedID) {
    feeds[id]?.isTimed = false
    speak(id, now: now())
  }

  /// Says what there is to say, whatever the rate.
  func say(_ id: FeedID) {
    guard let said = feeds[id]?.say() else { return }
    if !said.messages.isEmpty { feeds[id]?.spoke = now() }
    publish(said.messages, id)
    readLate(id)
  }

  private func publish(_ messages: [LiveMessage], _ id: FeedID) {
    guard feeds[id]?.readers.isEmpty == false else { return }
    for message in messages { outlet.publish(message, to: id) }
  }

  func sayGaps(_ gaps: [StoredGap]) {
    guard !gaps.isEmpty else { return }
    for (id, feed) in feeds {
      for gap in gaps
      where feed.subscription.query.matches(
        device: gap.device, labels: registry.labels(of: gap.device))
      {
        let message = LiveEncoding.deviceGap(id, gap)
        outlet.publish(message, to: id)
        for reader in feed.joiners.keys { outlet.send(message, to: reader) }
      }
    }
  }

  // MARK: - Late windows

  /// Reads windows that late readings changed, beside everything else.
  private func readLate(_ id: FeedID) {
    // A window that still waits to be told has to be told before it is amended.
    guard let feed = feeds[id], !feed.late.isEmpty, !feed.isReadingLate, feed.rows.isEmpty,
      feed.merged?.isEmpty != false
    else { return }
    feeds[id]?.isReadingLate = true
    boundLate(id)
    Task { await self.sayLate(id) }
  }

  private func boundLate(_ id: FeedID) {
    guard let feed = feeds[id], feed.late.count > limits.waitingLateWindows else { return }
    let sorted = feed.late.sorted { $0.start < $1.start }
    let given = sorted.prefix(feed.late.count - limits.waitingLateWindows / 2)
    feeds[id]?.late = Set(sorted.dropFirst(given.count))
    guard let first = given.first, let last = given.last else { return }
    outlet.publish(
      LiveEncoding.gap(
        id,
        .init(from: first.start, to: last.start + (feed.subscription.resolution.length ?? .zero)),
        reason: LiveHub.tooMuchLate),
      to: id)
  }

  static let tooMuchLate = "more late data than can be shown"

  private func sayLate(_ id: FeedID) async {
    guard let feed = feeds[id] else { return }
    var keys = feed.late
    if keys.count > limits.lateWindows {
      keys = Set(keys.sorted { $0.start > $1.start }.prefix(limits.lateWindows))
    }
    feeds[id]?.late.subtract(keys)
    let through = feed.reached.commit
    var rows: [HistoryRow] = []
    do {
      rows = try await history(feed).windows(keys)
    } catch {
      logger.error("Late windows could not be read", metadata: ["error": "\(error)"])
      // They are read again when there is something to say the next time.
      feeds[id]?.late.formUnion(keys)
      feeds[id]?.isReadingLate = false
      return
    }
    guard let present = feeds[id] else { return }
    feeds[id]?.isReadingLate = false
    guard present.grouping == feed.grouping else {
      feeds[id]?.late.formUnion(present.renamed(keys, since: feed))
      return readLate(id)
    }
    var after = present.cursor
    if present.late.isEmpty { after.commit = max(through, after.commit) }
    let messages = LiveEncoding.updates(
      id, rows: rows, perMessage: feed.rowsPerMessage,
      length: feed.subscription.resolution.length ?? .zero, before: present.cursor, after: after,
      amends: true, isOrdered: false)
    feeds[id]?.cursor.commit = after.commit
    publish(messages, id)
    readLate(id)
  }

  func history(_ feed: Feed) -> LiveHistory {
    LiveHistory(
      store: store, subscription: feed.subscription, members: feed.members.sorted(),
      groups: feed.groups, limits: limits)
  }
}
