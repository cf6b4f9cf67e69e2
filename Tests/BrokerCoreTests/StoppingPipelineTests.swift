import BrokerCore
import DeviceProtocol
import Logging
import Metrics
import TelemetryModel
import Testing

@Suite("A pipeline that is told to stop", .timeLimit(.minutes(1)))
struct StoppingPipelineTests {
  @Test("It does not wait for a store that takes nothing, though it was asking it already")
  func refusingStore() async throws {
    let device = StoredDevice(
      id: try DeviceID("pi"), labels: [:], agent: nil, lastSeen: Timestamp(seconds: 1_800_000_000))
    var configuration = IngestPipeline.Configuration()
    configuration.retryInterval = .milliseconds(5)
    let health = StoreHealth()
    let pipeline = IngestPipeline(
      store: MemoryStore(readings: []), lastCommit: CommitNumber(7), catalog: SeriesCatalog(),
      registry: DeviceRegistry(), health: health, configuration: configuration,
      metrics: BrokerMetrics(factory: NOOPMetricsHandler.instance),
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
      now: { Timestamp(seconds: 1_800_000_000) }, committed: { _ in })
    async let end: Void = pipeline.run()
    pipeline.remember(device)
    while health.problem == nil { await Task.yield() }
    pipeline.stop()
    await end
  }
}
