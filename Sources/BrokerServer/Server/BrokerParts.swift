import BrokerCore
import DeviceProtocol
import Logging
import NIOCore
import TelemetryModel

/// Something that those who watch devices are to be told.
enum DeviceNotice: Sendable {
  /// A device has come, gone or changed.
  case status(DeviceStatus)
  /// Something else about one.
  case announcement(LiveMessage)
}

/// The broker's working parts, wired to each other.
struct BrokerParts: Sendable {
  static let version = Software(name: "hawser", version: BrokerVersion.text)

  let store: any SampleStore & RolloutStore
  let catalog: SeriesCatalog
  let registry: DeviceRegistry
  let readers: LiveReaders
  let hub: LiveHub
  let relay: CommitRelay
  let pipeline: IngestPipeline
  let commands: CommandDesk
  let health: StoreHealth
  let metrics: BrokerMetrics
  let prometheus: PrometheusRegistry
  let links: LinkServices
  let admission: AdmissionDesk
  let loops: [any EventLoop]
  let maxConnections: Int
  /// What is told of devices, on its way to the hub, which nobody waits for.
  let notices: AsyncStream<DeviceNotice>
  let noticesEnd: @Sendable () -> Void
  let now: @Sendable () -> Timestamp

  init(
    configuration: BrokerConfiguration, store: any SampleStore & RolloutStore,
    contents: StoreContents, commands: CommandContents, rollouts: [StoredRollout],
    loops: [any EventLoop], logger: Logger,
    now: @escaping @Sendable () -> Timestamp
  ) {
    self.store = store
    self.now = now
    self.loops = loops
    maxConnections = configuration.maxConnections
    prometheus = PrometheusRegistry(texts: MetricTexts.all)
    metrics = BrokerMetrics(factory: prometheus)
    health = StoreHealth()
    catalog = SeriesCatalog(contents.series)
    let (notices, noticed) = AsyncStream<DeviceNotice>.makeStream()
    self.notices = notices
    noticesEnd = { noticed.finish() }
    registry = DeviceRegistry(contents.devices, lastReceived: contents.lastReceived) {
      noticed.yield(.status($0))
    }
    readers = LiveReaders(loops: loops)
    let hub = LiveHub(
      store: store, lastCommit: contents.lastCommit, runs: contents.runs, catalog: catalog,
      registry: registry, outlet: readers, logger: logger, now: now)
    self.hub = hub
    let relay = CommitRelay()
    self.relay = relay
    pipeline = IngestPipeline(
      store: store, lastCommit: contents.lastCommit, catalog: catalog, registry: registry,
      health: health, configuration: configuration.ingest, metrics: metrics, logger: logger,
      now: now, committed: { relay.add($0) })
    let (began, beganWall) = (ContinuousClock.now, now())
    let steady: @Sendable () -> Timestamp = { beganWall + began.duration(to: .now) }
    let (pipeline, health, metrics) = (pipeline, health, metrics)
    let maxQueued = Double(configuration.ingest.maxQueuedRecords)
    admission = AdmissionDesk(
      policy: configuration.admission,
      load: {
        Admission.Load(
          queueShare: Double(pipeline.waitingRecords) / maxQueued,
          storeAvailable: health.problem == nil)
      }, now: steady, refused: { metrics.linkRefused($0) })
    let desk = CommandDesk(
      store: store, contents: commands, rollouts: rollouts, registry: registry,
      tellReader: { [readers] in readers.send($0, to: $1) },
      announce: { noticed.yield(.announcement($0)) },
      policy: configuration.commands, logger: logger,
      now: steady)
    self.commands = desk
    links = LinkServices(
      pipeline: pipeline, decoders: LoopDecoders(loops: loops), registry: registry, hub: hub,
      readers: readers, metrics: metrics, statistics: LinkStatistics(now: steady()),
      admission: admission, devicePolicy: configuration.devices, server: BrokerParts.version,
      logger: logger, commands: desk, now: now, steady: steady)
  }

  /// What the gauges show now.
  func state() async -> BrokerState {
    var state = BrokerState()
    (state.devicesOnline, state.devicesKnown) = registry.counts
    state.series = catalog.count
    (state.feeds, state.readers) = await hub.counts
    state.queuedRecords = pipeline.waitingRecords
    state.storeProblem = health.problem
    do {
      state.store = try await store.usage()
    } catch {
      state.store = StoreUsage(bytes: 0)
      state.storeProblem = state.storeProblem ?? "\(error)"
    }
    return state
  }
}

/// This program's version.
package enum BrokerVersion {
  /// Semantic; the protocol's own version is in the subprotocols' names.
  package static let text = "0.1.0"
}
