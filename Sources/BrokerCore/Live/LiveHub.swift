import DeviceProtocol
package import Logging
package import TelemetryModel

/// Turns what is committed into what readers see: one computation and one message for all readers
/// with equal subscriptions; unequal ones share the windows they have in common.
///
/// History and live data meet without a seam: a reader is brought from where it begins to the present
/// by steps read from the store, and joins its feed at a cursor that both have. Raw feeds speak with
/// every commit, window feeds when windows close. What nobody watches costs nothing.
package actor LiveHub {
  /// Which windows several feeds can share: percentiles take more memory.
  struct TableKey: Hashable {
    var resolution: Resolution
    var withSketch: Bool
  }

  let store: any SampleStore
  let catalog: SeriesCatalog
  let registry: DeviceRegistry
  let outlet: any LiveOutlet
  let logger: Logger
  let now: @Sendable () -> Timestamp
  let limits: LiveLimits
  /// Which commits are told apart by who made them.
  let runs: StoreRuns
  var feeds: [FeedID: Feed] = [:]
  var feedsBySubscription: [Subscription: FeedID] = [:]
  var feedsBySeries: [SeriesID: [FeedID]] = [:]
  var feedsByReader: [ReaderID: Set<FeedID>] = [:]
  var tables: [TableKey: WindowTable] = [:]
  private var deviceWatchers: Set<ReaderID> = []
  var lastFeed: UInt64 = 0
  var lastTable: UInt64 = 0
  private var lastJoiner: UInt64 = 0
  private(set) var lastCommit: CommitNumber
  var ticking: Task<Void, Never>?

  /// A hub whose next batch follows `lastCommit`, in the last of the store's `runs`.
  package init(
    store: any SampleStore, lastCommit: CommitNumber, runs: StoreRuns = StoreRuns(),
    catalog: SeriesCatalog, registry: DeviceRegistry, outlet: any LiveOutlet,
    limits: LiveLimits = LiveLimits(),
    logger: Logger, now: @escaping @Sendable () -> Timestamp
  ) {
    self.limits = limits
    self.runs = runs
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
  package func committed(_ batch: CommittedBatch) {
    lastCommit = batch.commit
    guard !feeds.isEmpty else { return }
    admit(batch.newSeries)
    var spoken: Set<FeedID> = []
    for sample in batch.samples {
      guard let interested = feedsBySeries[sample.series] else { continue }
      var counted: TableKey?
      var alsoCounted: TableKey?
      for id in interested {
        guard let key = feeds[id]?.tableKey else {
          feeds[id]?.rows.append(
            HistoryRow(series: sample.series, time: sample.time, values: [sample.value]))
          spoken.insert(id)
          continue
        }
        // Several feeds share a table; there are two kinds a resolution, seldom more at once.
        if key == counted || key == alsoCounted { continue }
        if counted != nil, alsoCounted != nil, wasCounted(key, by: id, among: interested) {
          continue
        }
        alsoCounted = counted
        counted = key
        tables[key]?.add(sample, commit: batch.commit)
      }
    }
    // No windows are made of texts.
    for text in batch.texts {
      for id in feedsBySeries[text.series] ?? [] where feeds[id]?.tableKey == nil {
        feeds[id]?.take(text)
        spoken.insert(id)
      }
    }
    let now = now()
    for id in spoken {
      feeds[id]?.reached = Cursor(commit: batch.commit, frontier: now, run: runs.current)
      speak(id, now: now)
    }
    sayGaps(batch.gaps)
  }

  /// Takes note that batches up to a commit were dropped on their way here. Every reader is sent away,
  /// and comes back with its cursor: what it missed is in the store.
  package func fellBehind(at commit: CommitNumber) {
    lastCommit = commit
    guard !feedsByReader.isEmpty else { return }
    logger.warning(
      "Live feeds cannot keep up: their readers are sent away",
      metadata: ["readers": "\(feedsByReader.count)", "feeds": "\(feeds.count)"])
    for (reader, feeds) in feedsByReader {
      outlet.sendAway(reader)
      for id in feeds { leave(reader, id) }
    }
  }

  /// Whether a feed before this one in the list has the same table.
  private func wasCounted(_ key: TableKey, by id: FeedID, among list: [FeedID]) -> Bool {
    for other in list {
      if other == id { return false }
      if feeds[other]?.tableKey == key { return true }
    }
    return false
  }

  /// Tells those who watch devices that one has changed, and takes its series into or out of
  /// subscriptions that its labels decide.
  package func deviceChanged(_ status: DeviceStatus) {
    if !deviceWatchers.isEmpty {
      outlet.announce(
        LiveMessage.presence(status, registry.linkHistory(of: status.device)),
        about: status.device)
    }
    relabel(status.device)
  }

  /// Tells those who watch devices news of a command.
  package func announce(_ message: LiveMessage) {
    guard let command = message.command, !deviceWatchers.isEmpty else { return }
    outlet.announce(message, aboutCommand: command)
  }

  // MARK: - Readers

  /// Answers a subscription: result, history, then live data. `request` is the id of the JSON-RPC
  /// request that asked for it.
  package func subscribe(
    _ subscription: Subscription, since: Since, request: String, reader: ReaderID
  ) async {
    guard outlet.isOpen(reader) else { return }
    guard feedsByReader[reader, default: []].count < limits.subscriptions else {
      return refuse(
        request, reader,
        RPCError(
          .limitExceeded, "too many subscriptions on one connection", field: "subscribe",
          limit: Double(limits.subscriptions)))
    }
    guard
      feedsBySubscription[subscription] != nil
        || feeds.values.reduce(0, { $0 + $1.members.count }) < limits.seriesOfAllFeeds
    else {
      return refuse(
        request, reader, RPCError(.busy, "too many series are watched by everybody together"))
    }
    guard let id = feed(for: subscription) else {
      return refuse(
        request, reader,
        RPCError(
          .limitExceeded, "more series than one subscription gets; narrow the query",
          field: "params.query", limit: Double(limits.series)))
    }
    guard feedsByReader[reader]?.contains(id) != true else {
      return refuse(
        request, reader,
        RPCError(.conflict, "this is subscribed to already", field: "params.query"))
    }
    guard series(of: reader) + (feeds[id]?.members.count ?? 0) <= limits.seriesOfReader else {
      dropIfUnused(id)
      return refuse(
        request, reader,
        RPCError(
          .limitExceeded, "more series than the subscriptions of one connection get together",
          field: "params.query", limit: Double(limits.seriesOfReader)))
    }
    feedsByReader[reader, default: []].insert(id)
    let number = enter(reader, id)
    do {
      try await seed(id)
      guard try await begin(reader, in: id, as: number, since: since, request: request) else {
        return refuse(
          request, reader, RPCError(.conflict, "this was ended before it began"))
      }
    } catch {
      logger.error("History could not be read", metadata: ["error": "\(error)"])
      if isJoining(reader, id, as: number) { leave(reader, id) }
      return refuse(request, reader, RPCError(.busy, "the store cannot be read at the moment"))
    }
    await goOn(reader, feed: id)
  }

  /// How many series a reader's subscriptions have, each counted for every subscription.
  private func series(of reader: ReaderID) -> Int {
    (feedsByReader[reader] ?? []).reduce(0) { $0 + (feeds[$1]?.members.count ?? 0) }
  }

  /// Makes a reader one that joins a feed; returns the number that tells this from other times. It is
  /// nowhere yet, and takes no step.
  private func enter(_ reader: ReaderID, _ id: FeedID) -> UInt64 {
    lastJoiner += 1
    let now = now()
    let said = feeds[id]?.saidCount ?? 0
    feeds[id]?.joiners[reader] = Feed.Joiner(
      number: lastJoiner,
      catchUp: CatchUp(
        at: Cursor(commit: lastCommit, frontier: now, run: runs.current), looksForChanges: false,
        stride: .seconds(1), stepRows: limits.stepRows, now: now),
      reading: said)
    return lastJoiner
  }

  /// Reads on for a reader that can take more.
  package func goOn(_ reader: ReaderID, feed id: FeedID) async {
    do {
      try await step(reader, in: id)
    } catch {
      logger.error("History could not be read", metadata: ["error": "\(error)"])
      giveUp(reader, in: id, reason: "the store cannot be read at the moment")
    }
  }

  /// Ends one subscription of a reader; false if it has none of that name.
  package func unsubscribe(_ reader: ReaderID, feed name: String) -> Bool {
    guard let id = feedsByReader[reader]?.first(where: { $0.description == name }) else {
      return false
    }
    leave(reader, id)
    return true
  }

  /// Answers with every device, and from then on tells of their changes. Of a large fleet the first
  /// thousand, or fewer where their labels are long, are in the answer, and the others follow as
  /// changes do.
  package func watchDevices(_ reader: ReaderID, request: String) {
    guard outlet.isOpen(reader) else { return }
    deviceWatchers.insert(reader)
    outlet.watchDevices(reader)
    let devices = registry.all()
    let first = LiveMessage.part(devices)
    outlet.send(
      LiveMessage.devices(request, first) { [registry] in registry.linkHistory(of: $0) },
      to: reader)
    outlet.owe(reader, devices: devices.dropFirst(first.count).map(\.device))
  }

  /// Tells a reader how devices are now, of whose changes it missed some.
  package func tell(_ reader: ReaderID, of devices: [DeviceID]) {
    let now = now()
    let known = devices.map { device in
      // One that was forgotten meanwhile is heard of once more, too.
      registry[device]
        ?? DeviceStatus(
          device: device, presence: .offline, since: now, cause: .revoked, labels: [:], agent: nil,
          link: nil
        ).forgotten()
    }
    let first = LiveMessage.part(known)
    for status in first {
      outlet.send(
        LiveMessage.presence(status, registry.linkHistory(of: status.device)), to: reader)
    }
    outlet.owe(reader, devices: known.dropFirst(first.count).map(\.device))
  }

  /// Forgets a reader whose connection has ended.
  package func remove(_ reader: ReaderID) {
    deviceWatchers.remove(reader)
    for id in feedsByReader[reader] ?? [] { leave(reader, id) }
  }

  /// How many feeds, and how many readers in them, there are.
  package var counts: (feeds: Int, readers: Int) {
    (feeds.count, feeds.values.reduce(0) { $0 + $1.readers.count })
  }

  private func refuse(_ request: String, _ reader: ReaderID, _ error: RPCError) {
    outlet.send(LiveMessage(refusing: request, error), to: reader)
  }

  func leave(_ reader: ReaderID, _ id: FeedID) {
    feeds[id]?.readers.remove(reader)
    feeds[id]?.joiners[reader] = nil
    feedsByReader[reader]?.remove(id)
    if feedsByReader[reader]?.isEmpty == true { feedsByReader[reader] = nil }
    outlet.leave(reader, feed: id)
    dropIfUnused(id)
  }
}
