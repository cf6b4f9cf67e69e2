package import DeviceProtocol
package import Logging
package import TelemetryModel

/// The one way into the store: gathers packs from every link, commits them in groups, and only then
/// acks them and shows them to live feeds.
///
/// A pack counts once: its number is checked against the ranges that the store holds for its epoch,
/// and enters them in the same transaction as its readings. While the store is unavailable the
/// batch in hand is tried again and nothing is acked.
package actor IngestPipeline {
  /// How the pipeline groups and bounds its work.
  package struct Configuration: Sendable {
    /// How long the first pack of a batch waits for company. An ack is due within 250 ms.
    package var commitInterval: Duration = .milliseconds(25)
    /// With so many records a commit waits no longer, and takes no more packs.
    package var maxCommitRecords = 100_000
    /// The most records that may wait for a commit before links are told to come back later.
    package var maxQueuedRecords = 1_000_000
    /// How far ahead of the broker's clock a reading may be.
    package var maxFuture: Duration = .seconds(600)
    /// How long a failed commit waits before it is tried again.
    package var retryInterval: Duration = .seconds(1)

    /// The defaults above.
    package init() {}
  }

  /// What is stored of a device's spool.
  private struct Spool {
    var epoch: String
    var ranges: SequenceRanges
  }

  private let store: any SampleStore
  private let catalog: SeriesCatalog
  private let registry: DeviceRegistry
  private let configuration: Configuration
  private let metrics: BrokerMetrics
  private let logger: Logger
  private let now: @Sendable () -> Timestamp
  private let committed: @Sendable (CommittedBatch) -> Void
  private let health: StoreHealth
  private nonisolated let queue: IngestQueue
  private var lastCommit: CommitNumber
  /// By device: one spool at a time matters; an older one comes back from the store if it is ever
  /// asked for.
  private var stored: [DeviceID: Spool] = [:]

  /// Takes up a store that was opened and has `lastCommit` as its newest commit. `now` is the wall
  /// clock; `committed` is told of every batch after its commit and before its acks, in order. Acks
  /// wait for it, so it has to return at once.
  package init(
    store: any SampleStore, lastCommit: CommitNumber, catalog: SeriesCatalog,
    registry: DeviceRegistry, health: StoreHealth, configuration: Configuration,
    metrics: BrokerMetrics, logger: Logger, now: @escaping @Sendable () -> Timestamp,
    committed: @escaping @Sendable (CommittedBatch) -> Void
  ) {
    self.store = store
    self.lastCommit = lastCommit
    self.catalog = catalog
    self.registry = registry
    self.health = health
    self.configuration = configuration
    self.metrics = metrics
    self.logger = logger
    self.now = now
    self.committed = committed
    queue = IngestQueue(
      maxRecords: configuration.maxQueuedRecords, maxCommitRecords: configuration.maxCommitRecords)
  }

  /// What a device's new link decodes its packs with; from any thread.
  package nonisolated func makeReader(for device: DeviceID) -> PackReader {
    PackReader(
      device: device, catalog: catalog, registry: registry, maxFuture: configuration.maxFuture)
  }

  /// Puts a pack in line for the next commit, from any thread; false where the broker is overloaded
  /// or stopping.
  package nonisolated func submit(_ pack: IncomingPack) -> Bool {
    queue.add(pack)
  }

  /// Puts a gap in line, from any thread; false as in ``submit(_:)-(IncomingPack)``.
  package nonisolated func submit(_ gap: IncomingGap) -> Bool {
    queue.add(gap)
  }

  /// Puts a device's new state in line, from any thread.
  package nonisolated func remember(_ device: StoredDevice) {
    _ = queue.add(device)
  }

  /// Puts what an operator did to a device in line, from any thread; false as in
  /// ``submit(_:)-(IncomingPack)``, and then `done` is not called.
  package nonisolated func submit(_ change: DeviceChange) -> Bool {
    queue.add(change)
  }

  /// How many records wait for the commit after the one that is being written.
  package nonisolated var waitingRecords: Int { queue.waitingRecords }

  /// The packs of an epoch that are stored, for the `hello` of a returning device.
  package func ackedRanges(device: DeviceID, epoch: String) async throws -> SequenceRanges {
    while true {
      if let spool = stored[device], spool.epoch == epoch { return spool.ranges }
      let before = lastCommit
      let ranges = try await store.ackedRanges(device: device, epoch: epoch)
      // What was read is not to replace what a commit has made of it meanwhile.
      guard lastCommit == before else { continue }
      stored[device] = Spool(epoch: epoch, ranges: ranges)
      return ranges
    }
  }

  /// Commits until ``stop()``; returns when everything that was accepted is stored, or the store
  /// would not take it within `retryInterval` of being told to stop.
  package func run() async {
    for await _ in queue.rings {
      if !queue.isFull { try? await Task.sleep(for: configuration.commitInterval) }
      await commit(queue.drain(), final: false)
    }
    var takesData = true
    while !queue.isEmpty {
      let contents = queue.drain()
      if takesData {
        takesData = await commit(contents, final: true)
      } else {
        for change in contents.changes { change.done(false) }
      }
    }
  }

  /// Takes nothing more and lets ``run()`` end once all is written; from any thread.
  package nonisolated func stop() {
    queue.close()
  }

  /// False where the store would not take it and the broker is stopping.
  @discardableResult
  private func commit(_ contents: IngestQueue.Contents, final: Bool) async -> Bool {
    guard !contents.isEmpty else { return true }
    let assembly = await assemble(contents, final: final)
    let began = ContinuousClock.now
    if !assembly.batch.isEmpty {
      guard await write(assembly.batch, final: final) else {
        for change in contents.changes { change.done(false) }
        return false
      }
      lastCommit = assembly.batch.commit
    }
    for packs in assembly.batch.acked {
      stored[packs.device] = Spool(epoch: packs.epoch, ranges: packs.ranges)
    }
    metrics.committed(assembly, took: began.duration(to: .now))
    committed(
      CommittedBatch(
        commit: lastCommit, samples: assembly.batch.samples, texts: assembly.batch.texts,
        newSeries: assembly.batch.newSeries, gaps: assembly.batch.gaps))
    for change in contents.changes { change.done(true) }
    for refusal in assembly.refusals {
      logger.warning(
        "Readings refused",
        metadata: [
          "device": "\(refusal.device)", "seq": "\(refusal.refusal.seq)",
          "records": "\(refusal.refusal.count)", "reason": "\(refusal.refusal.text)",
        ])
      refusal.origin.recordsRefused(refusal.refusal)
    }
    for ack in assembly.acks {
      ack.origin.packsCommitted(ack.ranges)
    }
    return true
  }

  private func assemble(
    _ contents: IngestQueue.Contents, final: Bool
  ) async -> BatchAssembly {
    var assembly = BatchAssembly(
      commit: lastCommit.next, received: now(), devices: Array(contents.devices.values),
      changes: contents.changes)
    for pack in contents.packs {
      let key = SpoolKey(device: pack.device, epoch: pack.epoch)
      guard let spool = await open(key, in: &assembly, final: final) else { continue }
      assembly.add(pack, spool: spool, catalog: catalog, isDevice: registry.isKnown)
    }
    for incoming in contents.gaps {
      let key = SpoolKey(device: incoming.gap.device, epoch: incoming.gap.epoch)
      guard let spool = await open(key, in: &assembly, final: final) else { continue }
      assembly.add(incoming, spool: spool)
    }
    return assembly.finished()
  }

  /// Asks until the store says what it has of a spool: without that nothing of it may count, and its
  /// packs do not come again as long as their link lives. Nil where the broker is stopping; then the
  /// agent has them still.
  private func open(
    _ key: SpoolKey, in assembly: inout BatchAssembly, final: Bool
  ) async -> Int? {
    if let spool = assembly.spool(key) { return spool }
    while true {
      do {
        let known = try await ackedRanges(device: key.device, epoch: key.epoch)
        return assembly.open(key, stored: known)
      } catch {
        health.failed(error)
        if final || queue.isClosed || Task.isCancelled { return nil }
        try? await Task.sleep(for: configuration.retryInterval)
      }
    }
  }

  /// Writes a batch, again and again while the store is unavailable; false if it was given up
  /// because the broker is stopping or the store is beyond use.
  private func write(_ batch: IngestBatch, final: Bool) async -> Bool {
    var attempts = 0
    while true {
      do {
        try await store.commit(batch)
        if attempts > 0 { logger.notice("The store takes data again") }
        health.succeeded()
        return true
      } catch {
        attempts += 1
        health.failed(error)
        if attempts == 1 {
          logger.error("The store refuses data; nothing is acked", metadata: ["error": "\(error)"])
        }
        // Also where it was told to stop in the midst of it: nobody is to wait for such a store.
        if final || queue.isClosed, attempts > 1 { return false }
        if Task.isCancelled { return false }
        try? await Task.sleep(for: configuration.retryInterval)
      }
    }
  }
}

/// What a commit made durable, as live feeds see it.
package struct CommittedBatch: Sendable {
  /// The commit; feeds go on from here.
  package var commit: CommitNumber
  /// Its readings, in order of arrival.
  package var samples: [Sample]
  /// Its readings of text and bytes, in order of arrival.
  package var texts: [TextSample]
  /// The series that it saw for the first time.
  package var newSeries: [Series]
  /// Packs given up or refused.
  package var gaps: [StoredGap]

  /// Names all parts.
  package init(
    commit: CommitNumber, samples: [Sample], texts: [TextSample] = [], newSeries: [Series],
    gaps: [StoredGap]
  ) {
    self.commit = commit
    self.samples = samples
    self.texts = texts
    self.newSeries = newSeries
    self.gaps = gaps
  }
}
