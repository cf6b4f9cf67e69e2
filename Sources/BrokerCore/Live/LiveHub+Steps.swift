import Logging
import TelemetryModel

// The steps in which a reader comes from its past to the present, each when it can take it.
extension LiveHub {
  /// What one step brings.
  private struct Part {
    var messages: [LiveMessage] = []
    var catchUp: CatchUp
    /// Windows that were found to have changed, and the commit that this is known up to.
    var changes: (keys: Set<WindowTable.Key>, through: CommitNumber)?
  }

  /// Reads steps for a reader until there is something for it, or it is in the present.
  func step(_ reader: ReaderID, in id: FeedID) async throws {
    while let feed = feeds[id], let joiner = feed.joiners[reader], joiner.reading == nil {
      if !joiner.undescribed.isEmpty { return describe(joiner, to: reader, in: id) }
      var catchUp = joiner.catchUp
      let isRaw = feed.subscription.resolution == .raw
      guard !catchUp.givesUp(isRaw: isRaw, frontier: feed.cursor.frontier, now: now()) else {
        return giveUp(reader, in: id, reason: "slow reader")
      }
      if joiner.late.count > limits.waitingLateWindows {
        forgetLate(reader, id, LiveHub.tooMuchLate)
      }
      let late = feeds[id]?.takeLate(reader, most: limits.stepRows) ?? []
      feeds[id]?.joiners[reader]?.reading = feed.saidCount
      let part: Part
      do {
        part = try await self.part(catchUp, late, feed, reader)
      } catch {
        // Whoever calls gives the reader up; another one in its place is nothing to this.
        guard isJoining(reader, id, as: joiner.number) else { return }
        feeds[id]?.joiners[reader]?.reading = nil
        feeds[id]?.joiners[reader]?.late.formUnion(late)
        throw error
      }
      guard isJoining(reader, id, as: joiner.number), let present = feeds[id] else { return }
      feeds[id]?.joiners[reader]?.reading = nil
      if present.grouping != feed.grouping {
        // What was read is of numbers that mean other groups now.
        feeds[id]?.joiners[reader]?.late.formUnion(present.renamed(late, since: feed))
        await Task.yield()
        continue
      }
      take(part, reader, id)
      for message in part.messages { outlet.send(message, to: reader) }
      let position = part.catchUp.position
      if feed.isThere(position, feed.cursor), isJoined(reader, id, since: feed.saidCount) {
        return
      }
      if !part.messages.isEmpty { return outlet.askWhenReady(reader, feed: id) }
      // A step may not have waited for anything: what is committed comes first.
      await Task.yield()
    }
  }

  private func describe(_ joiner: Feed.Joiner, to reader: ReaderID, in id: FeedID) {
    let part = LiveEncoding.part(joiner.undescribed)
    feeds[id]?.joiners[reader]?.undescribed = joiner.undescribed.dropFirst(part.count)
    outlet.send(LiveEncoding.series(id, part), to: reader)
    outlet.askWhenReady(reader, feed: id)
  }

  private func take(_ part: Part, _ reader: ReaderID, _ id: FeedID) {
    feeds[id]?.joiners[reader]?.catchUp = part.catchUp
    guard let changes = part.changes else { return }
    feeds[id]?.joiners[reader]?.late.formUnion(changes.keys)
    feeds[id]?.joiners[reader]?.lateThrough = changes.through
  }

  /// Reads one step: windows that have changed come first, then those that the reader has not seen.
  private func part(
    _ before: CatchUp, _ late: Set<WindowTable.Key>, _ feed: Feed, _ reader: ReaderID
  ) async throws -> Part {
    var part = Part(catchUp: before)
    if before.looksForChanges {
      try await lookForChanges(feed, &part)
    } else if !late.isEmpty {
      try await readLate(late, feed, reader, &part)
    } else if feed.subscription.resolution == .raw {
      let step = try await history(feed).readings(
        &part.catchUp, until: feed.cursor, now: now())
      part.messages = encode(step, feed, at: before.position)
      move(&part.catchUp, by: step, feed)
    } else {
      let step = try await history(feed).windows(&part.catchUp, until: feed.cursor)
      part.messages = encode(step, feed, at: before.position)
      move(&part.catchUp, by: step, feed)
    }
    return part
  }

  /// Windows before the reader's cursor that were changed since: the first step of one that comes back.
  private func lookForChanges(_ feed: Feed, _ part: inout Part) async throws {
    part.catchUp.looksForChanges = false
    var place = part.catchUp.position
    guard let changes = try await history(feed).changes(since: place) else {
      part.messages = [
        LiveEncoding.gap(
          feed.id,
          .init(
            from: Timestamp(microseconds: 0), to: place.frontier, reason: "cursor too old"))
      ]
      return
    }
    // The hub hears of a commit a little later than the store has it.
    let through = max(place.commit, min(changes.through, lastCommit))
    if changes.keys.isEmpty {
      place.commit = through
      part.catchUp.move(to: place)
    } else {
      part.changes = (changes.keys, through)
    }
  }

  private func readLate(
    _ keys: Set<WindowTable.Key>, _ feed: Feed, _ reader: ReaderID, _ part: inout Part
  ) async throws {
    let rows = try await history(feed).windows(keys)
    let before = part.catchUp.position
    var after = before
    if let joiner = feeds[feed.id]?.joiners[reader], joiner.late.isEmpty,
      let through = joiner.lateThrough
    {
      after.commit = max(after.commit, through)
    }
    part.messages = LiveEncoding.updates(
      feed.id, rows: rows, perMessage: min(feed.rowsPerMessage, limits.stepRows),
      length: feed.subscription.resolution.length ?? .zero, before: before, after: after,
      amends: true, isOrdered: false)
    part.catchUp.move(to: after)
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
    let messages = LiveEncoding.updates(
      feed.id, rows: step.rows, size: step.size,
      perMessage: min(feed.rowsPerMessage, limits.stepRows),
      length: feed.subscription.resolution.length ?? .zero, before: partly, after: step.place,
      amends: false)
    return messages + (step.lost.map { [LiveEncoding.gap(feed.id, $0)] } ?? [])
  }

  private func move(_ catchUp: inout CatchUp, by step: LiveHistory.Step, _ feed: Feed) {
    guard step.isTooOld else { return catchUp.stepped(to: step.place, rows: step.size) }
    // What came in between is not told apart; what was measured since is.
    catchUp.move(
      to: readings(
        since: catchUp.position.frontier, through: feed.cursor.commit))
  }

  /// Brings a reader that was in the present when a step began over what was said meanwhile; whether it
  /// is in its feed then. Not where it has to be told of changed windows first: no cursor is to say that
  /// it saw them before it did.
  private func isJoined(_ reader: ReaderID, _ id: FeedID, since count: Int) -> Bool {
    guard let feed = feeds[id], let joiner = feed.joiners[reader], !joiner.hasLate,
      !joiner.catchUp.looksForChanges,
      let said = feed.said(since: count, mostBytes: limits.joiningBytes)
    else { return false }
    for message in said { outlet.send(message, to: reader) }
    join(reader, id)
    return true
  }
}

extension Feed.Joiner {
  /// Whether windows have changed that it was told of.
  fileprivate var hasLate: Bool {
    !late.isEmpty && late.contains { catchUp.position.hasSeen($0) }
  }
}
