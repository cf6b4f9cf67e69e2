import DeviceProtocol
import Logging
import TelemetryModel

// Which series a feed has: those that come, and those that labels bring into it and take out of it.
extension LiveHub {
  func describe(_ feed: Feed) -> [SeriesDescription] {
    if let groups = feed.groups { return groups.all.map { .group($0) } }
    return feed.members.sorted().compactMap { id in
      catalog[id].map { .series($0, labels: registry.labels(of: $0.device)) }
    }
  }

  func announce(
    _ series: ArraySlice<SeriesDescription>, of id: FeedID, _ send: (LiveMessage) -> Void
  ) {
    var rest = series
    while !rest.isEmpty {
      let part = LiveEncoding.part(rest)
      send(LiveEncoding.series(id, part))
      rest = rest.dropFirst(part.count)
    }
  }

  private func announceToAll(_ series: [SeriesDescription], of id: FeedID) {
    announce(series[...], of: id) { message in
      outlet.publish(message, to: id)
      for reader in feeds[id].map({ Array($0.joiners.keys) }) ?? [] {
        outlet.send(message, to: reader)
      }
    }
  }

  /// Takes series that were just seen for the first time into the feeds that ask for them.
  func admit(_ series: [Series]) {
    guard !series.isEmpty else { return }
    for id in Array(feeds.keys) {
      guard let query = feeds[id]?.subscription.query else { continue }
      let matching = series.filter { query.matches($0, labels: registry.labels(of: $0.device)) }
      var coming: [Series] = []
      // A feed that began after the series was named and before it was committed has it already.
      for new in matching where feeds[id]?.members.contains(new.id) == false {
        guard hasRoom(id, beside: coming.count) else { break }
        if let key = feeds[id]?.tableKey { tables[key]?.coverNew(new.id) }
        coming.append(new)
      }
      enter(coming, id)
    }
  }

  private func hasRoom(_ id: FeedID, beside coming: Int = 0) -> Bool {
    guard let feed = feeds[id] else { return false }
    if feed.members.count + coming < limits.series { return true }
    if !feed.isFull {
      feeds[id]?.isFull = true
      let message = tooManySeries(id)
      outlet.publish(message, to: id)
      for reader in feed.joiners.keys { outlet.send(message, to: reader) }
    }
    return false
  }

  /// What readers of a feed are told that has no room for further series.
  func tooManySeries(_ id: FeedID) -> LiveMessage {
    let now = now()
    return LiveEncoding.gap(
      id, .init(from: now, to: now),
      reason: "more than \(limits.series) series: further ones are left out")
  }

  /// Makes covered series members of a feed, and tells its readers.
  private func enter(_ series: [Series], _ id: FeedID) {
    var told: [SeriesDescription] = []
    var groups = feeds[id]?.groups
    var isRenamed = false
    for new in series where feeds[id]?.members.contains(new.id) == false {
      feeds[id]?.members.insert(new.id)
      feedsBySeries[new.id, default: []].append(id)
      let labels = registry.labels(of: new.device)
      if groups == nil {
        told.append(.series(new, labels: labels))
      } else if let group = groups?.add(new, labels: labels) {
        told.append(.group(group))
      } else if groups?.id(of: new.id) == new.id {
        // Older than all that the group had: its number is another now.
        isRenamed = true
      }
    }
    if isRenamed { return regroup(id) }
    if let groups {
      feeds[id]?.groups = groups
      feeds[id]?.merged?.regroup(groups)
    }
    announceToAll(told, of: id)
  }

  /// Looks again which series of a device belong to which feeds, because its labels may have changed.
  func relabel(_ device: DeviceID) {
    let affected = feeds.values.filter { $0.subscription.dependsOnLabels }
    guard !affected.isEmpty else { return }
    let series = catalog.series(of: device)
    let labels = registry.labels(of: device)
    for feed in affected {
      var coming: [Series] = []
      var isMoved = false
      for one in series {
        let fits = feed.subscription.query.matches(one, labels: labels)
        if fits, !feed.members.contains(one.id) {
          coming.append(one)
        } else if !fits, feed.members.contains(one.id) {
          feeds[feed.id]?.members.remove(one.id)
          forget(feed.id, in: one.id)
          if let key = feed.tableKey { tables[key]?.uncover([one.id]) }
          isMoved = true
        } else if fits, let group = feed.groups?[one.id] {
          isMoved = isMoved || group.labels.contains { labels[$0.name] != $0.value }
        }
      }
      if isMoved { regroup(feed.id) }
      if !coming.isEmpty {
        let (id, coming) = (feed.id, coming)
        Task { await self.bring(coming, into: id) }
      }
    }
  }

  private func regroup(_ id: FeedID) {
    guard let feed = feeds[id], let names = feed.subscription.groupBy else { return }
    var groups = SeriesGroups(by: names)
    for member in feed.members.sorted() {
      guard let series = catalog[member] else { continue }
      groups.add(series, labels: registry.labels(of: series.device))
    }
    // What was merged until now is told under the numbers that readers know.
    if feed.isReady { say(id) }
    let changed = feeds[id]?.regroup(groups) ?? []
    announceToAll(changed.map { .group($0) }, of: id)
  }

  /// Takes series that were there before into a feed.
  private func bring(_ series: [Series], into id: FeedID) async {
    guard let feed = feeds[id] else { return }
    var new = series.filter { !feed.members.contains($0.id) }
    if !new.isEmpty, !hasRoom(id, beside: new.count - 1) {
      new = Array(new.prefix(limits.series - feed.members.count))
    }
    guard let key = feed.tableKey, let table = tables[key]?.number else { return enter(new, id) }
    let unread = tables[key]?.cover(new.map(\.id), at: lastCommit) ?? []
    let isRead = await isSeeded(unread, in: key, table: table)
    // All that had to do with the table may have ended, and another be in its place.
    guard tables[key]?.number == table else { return }
    // Meanwhile some may have come by another way, or their labels may have changed again.
    let query = feed.subscription.query
    let came = new.filter {
      isRead && feeds[id]?.members.contains($0.id) == false
        && query.matches($0, labels: registry.labels(of: $0.device))
    }
    tables[key]?.uncover(Set(new.map(\.id)).subtracting(came.map(\.id)))
    if feeds[id] != nil, !isRead {
      let now = now()
      outlet.publish(
        LiveEncoding.gap(
          id, .init(from: now, to: now), reason: "the store cannot be read: series are left out"),
        to: id)
    }
    enter(came, id)
  }

  /// Reads open windows of series, again and again for a while where the store fails: readings wait
  /// meanwhile.
  private func isSeeded(_ series: [SeriesID], in key: TableKey, table: UInt64) async -> Bool {
    for attempt in 1...10 {
      guard tables[key]?.number == table else { return false }
      do {
        try await seed(series, in: key)
        return true
      } catch {
        logger.error("Open windows could not be read", metadata: ["error": "\(error)"])
        if attempt < 10 { try? await Task.sleep(for: .seconds(1)) }
      }
    }
    return false
  }
}
