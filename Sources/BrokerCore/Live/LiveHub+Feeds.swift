import TelemetryModel

// How feeds come into being and go, and the second that they have in common.
extension LiveHub {
  /// The feed of a subscription, made if there is none; nil where it would have too many series.
  func feed(for subscription: Subscription) -> FeedID? {
    if let id = feedsBySubscription[subscription] { return id }
    let members = members(of: subscription.query)
    guard members.count <= limits.series else { return nil }
    lastFeed += 1
    let id = FeedID(lastFeed)
    var feed = Feed(
      id: id, subscription: subscription, members: Set(members.map(\.id)),
      cursor: Cursor(commit: lastCommit, frontier: now(), run: runs.current),
      rowsPerMessage: limits.rowsPerMessage(functions: subscription.functions.count))
    if let names = subscription.groupBy {
      var groups = SeriesGroups(by: names)
      for series in members { groups.add(series, labels: registry.labels(of: series.device)) }
      feed.groups = groups
      feed.merged = GroupedWindows(groups)
    }
    feeds[id] = feed
    feedsBySubscription[subscription] = id
    for series in members { feedsBySeries[series.id, default: []].append(id) }
    if let key = feed.tableKey {
      if tables[key] == nil {
        lastTable += 1
        tables[key] = WindowTable(
          key.resolution, withSketch: key.withSketch, now: now(), number: lastTable)
      }
      feeds[id]?.unread = tables[key]?.cover(feed.members, at: lastCommit) ?? []
    }
    startTicking()
    return id
  }

  private func members(of query: SeriesQuery) -> [Series] {
    guard !query.labels.isEmpty else { return catalog.all { query.matches($0, labels: [:]) } }
    var labels: [DeviceID: [String: String]] = [:]
    return catalog.all { series in
      let known = labels[series.device] ?? registry.labels(of: series.device)
      labels[series.device] = known
      return query.matches(series, labels: known)
    }
  }

  func dropIfUnused(_ id: FeedID) {
    guard let feed = feeds[id], feed.isUnused else { return }
    feeds[id] = nil
    feedsBySubscription[feed.subscription] = nil
    for series in feed.members { forget(id, in: series) }
    if let key = feed.tableKey {
      tables[key]?.uncover(feed.members)
      if !feeds.values.contains(where: { $0.tableKey == key }) { tables[key] = nil }
    }
    if feeds.isEmpty {
      ticking?.cancel()
      ticking = nil
    }
  }

  func forget(_ id: FeedID, in series: SeriesID) {
    feedsBySeries[series]?.removeAll { $0 == id }
    if feedsBySeries[series]?.isEmpty == true { feedsBySeries[series] = nil }
  }

  // MARK: - Time

  /// Runs while there are feeds: wakes when the next second's are due.
  private func startTicking() {
    guard ticking == nil else { return }
    ticking = Task { [weak self] in
      while !Task.isCancelled {
        guard let wait = await self?.untilNextTick() else { return }
        try? await Task.sleep(for: wait)
        await self?.tick()
      }
    }
  }

  private func untilNextTick() -> Duration {
    let now = now()
    let due =
      Resolution.s1.windowStart(of: now - WindowTable.closeDelay) + .seconds(1)
      + WindowTable.closeDelay
    return max(.milliseconds(1), due - now)
  }
}

extension Feed {
  /// Where its windows are; nil for raw readings.
  var tableKey: LiveHub.TableKey? {
    subscription.resolution == .raw
      ? nil
      : LiveHub.TableKey(
        resolution: subscription.resolution, withSketch: subscription.withSketch)
  }
}
