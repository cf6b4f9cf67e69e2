import DeviceProtocol
package import Logging
package import TelemetryModel

/// Turns what is committed into what readers see: one computation and one message for all readers
/// with equal subscriptions.
///
/// History and live data meet without a seam: history is read as of a commit, and what the feed
/// says of later commits while it is being read is kept and sent behind it. Raw feeds speak with
/// every commit, window feeds when windows close. What nobody watches costs nothing.
package actor LiveHub {
  /// The most rows of one message; longer history comes in several.
  package static let maxRowsPerMessage = 2_000
  /// The most rows of history a subscription may ask for; what is older is told with a `gap`.
  package static let maxHistoryRows = 200_000

  private let store: any SampleStore
  private let catalog: SeriesCatalog
  private let registry: DeviceRegistry
  private let outlet: any LiveOutlet
  private let logger: Logger
  private let now: @Sendable () -> Timestamp
  private var feeds: [FeedID: Feed] = [:]
  private var feedsBySubscription: [Subscription: FeedID] = [:]
  private var feedsBySeries: [SeriesID: [FeedID]] = [:]
  private var deviceWatchers: Set<ReaderID> = []
  private var lastFeed: UInt64 = 0
  private var lastCommit: CommitNumber
  private var ticking: Task<Void, Never>?

  /// A hub whose next batch follows `lastCommit`.
  package init(
    store: any SampleStore, lastCommit: CommitNumber, catalog: SeriesCatalog,
    registry: DeviceRegistry, outlet: any LiveOutlet, logger: Logger,
    now: @escaping @Sendable () -> Timestamp
  ) {
    self.store = store
    self.lastCommit = lastCommit
    self.catalog = catalog
    self.registry = registry
    self.outlet = outlet
    self.logger = logger
    self.now = now
  }

  // MARK: - What comes in

  /// Takes a batch that has just been made durable. Batches come in the order of their commits.
  package func committed(_ batch: CommittedBatch) async {
    lastCommit = batch.commit
    guard !feeds.isEmpty else { return }
    admit(batch.newSeries)
    var shares: [FeedID: [Sample]] = [:]
    for sample in batch.samples {
      for feed in feedsBySeries[sample.series] ?? [] {
        shares[feed, default: []].append(sample)
      }
    }
    for (id, samples) in shares {
      feeds[id]?.add(samples, commit: batch.commit)
      if feeds[id]?.subscription.resolution == .raw { await flush(id) }
    }
    sayGaps(batch.gaps)
  }

  /// Tells those who watch devices that one has changed.
  package func deviceChanged(_ status: DeviceStatus) {
    guard !deviceWatchers.isEmpty else { return }
    let message = LiveEncoding.presence(status)
    for reader in deviceWatchers { outlet.send(message, to: reader) }
  }

  /// Tells those who watch devices something else about them.
  package func announce(_ message: [UInt8]) {
    for reader in deviceWatchers { outlet.send(message, to: reader) }
  }

  // MARK: - Readers

  /// Answers a subscription: result, history, then live data. `request` is the id of the JSON-RPC
  /// request that asked for it.
  package func subscribe(
    _ subscription: Subscription, since: Since, request: String, reader: ReaderID
  ) async {
    let id = feed(for: subscription)
    guard feeds[id]?.readers.contains(reader) == false, feeds[id]?.joiners[reader] == nil else {
      outlet.send(
        LiveAnswer.refusal(
          request, RPCError(.conflict, "this is subscribed to already", field: "query")),
        to: reader)
      return
    }
    feeds[id]?.joiners[reader] = Feed.Joiner()
    let frontier = feeds[id]?.machine.frontier ?? now()
    do {
      if feeds[id]?.waiting != nil { try await seed(id) }
      let history = try await LiveHistory(store: store, subscription: subscription).read(
        series: feeds[id].map { Array($0.members) } ?? [], since: since, frontier: frontier,
        lastCommit: lastCommit, now: now())
      answer(request, reader: reader, feed: id, history: history)
    } catch {
      feeds[id]?.joiners[reader] = nil
      dropIfUnused(id)
      logger.error("History could not be read", metadata: ["error": "\(error)"])
      outlet.send(
        LiveAnswer.refusal(request, RPCError(.busy, "the store cannot be read at the moment")),
        to: reader)
    }
  }

  /// Ends one subscription of a reader; false if it has none of that name.
  package func unsubscribe(_ reader: ReaderID, feed name: String) -> Bool {
    guard let id = feeds.keys.first(where: { $0.description == name }),
      feeds[id]?.readers.remove(reader) != nil
        || feeds[id]?.joiners.removeValue(forKey: reader) != nil
    else { return false }
    outlet.leave(reader, feed: id)
    dropIfUnused(id)
    return true
  }

  /// Answers with every device, and from then on tells of their changes.
  package func watchDevices(_ reader: ReaderID, request: String) {
    deviceWatchers.insert(reader)
    outlet.send(LiveEncoding.devices(request, registry.all()), to: reader)
  }

  /// Forgets a reader whose connection has ended.
  package func remove(_ reader: ReaderID) {
    deviceWatchers.remove(reader)
    for id in Array(feeds.keys) {
      feeds[id]?.readers.remove(reader)
      feeds[id]?.joiners[reader] = nil
      dropIfUnused(id)
    }
  }

  /// How many feeds, and how many readers in them, there are.
  package var counts: (feeds: Int, readers: Int) {
    (feeds.count, feeds.values.reduce(0) { $0 + $1.readers.count })
  }

  // MARK: - Joining

  private func feed(for subscription: Subscription) -> FeedID {
    if let id = feedsBySubscription[subscription] { return id }
    lastFeed += 1
    let id = FeedID(lastFeed)
    let members = catalog.all {
      subscription.query.matches($0, labels: registry.labels(of: $0.device))
    }
    feeds[id] = Feed(
      id: id, subscription: subscription, members: Set(members.map(\.id)), now: now())
    feedsBySubscription[subscription] = id
    for series in members { feedsBySeries[series.id, default: []].append(id) }
    startTicking()
    return id
  }

  private func seed(_ id: FeedID) async throws {
    guard let feed = feeds[id] else { return }
    let states = try await store.windows(
      of: Array(feed.members), resolution: feed.subscription.resolution,
      from: feed.machine.frontier, to: .distantFuture, withSketch: feed.machine.withSketch)
    if feeds[id]?.waiting != nil { feeds[id]?.seed(states) }
  }

  private func answer(
    _ request: String, reader: ReaderID, feed id: FeedID, history: LiveHistory.Result
  ) {
    // Gone while its history was read?
    guard let feed = feeds[id], let joiner = feed.joiners[reader] else { return }
    let series = feed.members.sorted().compactMap { catalog[$0] }
    let cursor = Cursor(commit: lastCommit, frontier: feed.machine.frontier)
    outlet.send(
      LiveEncoding.subscribed(
        request, feed: id, cursor: cursor, series: series, labels: registry.labels(of:)),
      to: reader)
    if let lost = history.lost {
      outlet.send(LiveEncoding.gap(feed: id, lost), to: reader)
    }
    send(history.rows, amends: false, cursor: history.cursor, feed: id, to: reader)
    send(history.amended, amends: true, cursor: history.cursor, feed: id, to: reader)
    for missed in joiner.missed
    where subscriptionIsWindowed(feed) || missed.commit > history.cursor.commit {
      send(missed.rows, amends: missed.amends, cursor: cursor, feed: id, to: reader)
    }
    feeds[id]?.joiners[reader] = nil
    feeds[id]?.readers.insert(reader)
    outlet.join(reader, feed: id)
  }

  private func subscriptionIsWindowed(_ feed: Feed) -> Bool {
    feed.subscription.resolution != .raw
  }

  private func send(
    _ rows: [HistoryRow], amends: Bool, cursor: Cursor, feed: FeedID, to reader: ReaderID
  ) {
    var rest = rows[...]
    while !rest.isEmpty {
      let part = rest.prefix(LiveHub.maxRowsPerMessage)
      rest = rest.dropFirst(part.count)
      outlet.send(
        LiveEncoding.update(feed: feed, cursor: cursor, rows: part, amends: amends), to: reader)
    }
  }

  private func dropIfUnused(_ id: FeedID) {
    guard let feed = feeds[id], feed.isUnused else { return }
    feeds[id] = nil
    feedsBySubscription[feed.subscription] = nil
    for series in feed.members {
      feedsBySeries[series]?.removeAll { $0 == id }
      if feedsBySeries[series]?.isEmpty == true { feedsBySeries[series] = nil }
    }
    if feeds.isEmpty {
      ticking?.cancel()
      ticking = nil
    }
  }

  // MARK: - Saying

  private func admit(_ series: [Series]) {
    guard !series.isEmpty else { return }
    for id in Array(feeds.keys) {
      guard let query = feeds[id]?.subscription.query else { continue }
      let matching = series.filter { query.matches($0, labels: registry.labels(of: $0.device)) }
      guard !matching.isEmpty else { continue }
      for new in matching {
        feeds[id]?.members.insert(new.id)
        feedsBySeries[new.id, default: []].append(id)
      }
      outlet.publish(
        LiveEncoding.series(feed: id, matching, labels: registry.labels(of:)), to: id)
    }
  }

  private func sayGaps(_ gaps: [StoredGap]) {
    guard !gaps.isEmpty else { return }
    for (id, feed) in feeds {
      for gap in gaps
      where feed.subscription.query.matches(
        device: gap.device, labels: registry.labels(of: gap.device))
      {
        outlet.publish(LiveEncoding.deviceGap(feed: id, gap), to: id)
      }
    }
  }

  private func flush(_ id: FeedID) async {
    guard let output = feeds[id]?.machine.tick(now: now()) else { return }
    publish(output.rows, amends: false, feed: id)
    guard !output.late.isEmpty, let feed = feeds[id] else { return }
    do {
      let rows = try await LiveHistory(store: store, subscription: feed.subscription)
        .windows(output.late, machine: feed.machine)
      publish(rows, amends: true, feed: id)
    } catch {
      logger.error("Late windows could not be read", metadata: ["error": "\(error)"])
    }
  }

  private func publish(_ rows: [HistoryRow], amends: Bool, feed id: FeedID) {
    guard !rows.isEmpty, let feed = feeds[id] else { return }
    feeds[id]?.keepForJoiners(.init(commit: lastCommit, rows: rows, amends: amends))
    guard !feed.readers.isEmpty else { return }
    let cursor = Cursor(commit: lastCommit, frontier: feed.machine.frontier)
    var rest = rows[...]
    while !rest.isEmpty {
      let part = rest.prefix(LiveHub.maxRowsPerMessage)
      rest = rest.dropFirst(part.count)
      outlet.publish(
        LiveEncoding.update(feed: id, cursor: cursor, rows: part, amends: amends), to: id)
    }
  }

  // MARK: - Time

  /// Runs while there are feeds: wakes when the next second's windows are due.
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
      Resolution.s1.windowStart(of: now - FeedMachine.closeDelay) + .seconds(1)
      + FeedMachine.closeDelay
    return max(.milliseconds(1), due - now)
  }

  private func tick() async {
    for id in Array(feeds.keys) where feeds[id]?.subscription.resolution != .raw {
      // A feed still waiting for the windows that were open when it began has nothing to close yet.
      if feeds[id]?.waiting == nil { await flush(id) }
    }
  }
}
