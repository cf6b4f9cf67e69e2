import BrokerCore
import DeviceProtocol
import Logging
import NIOCore
import NIOEmbedded
import TelemetryModel
import Testing

@testable import BrokerServer

@Suite("Streams of events", .timeLimit(.minutes(1)))
struct EventStreamTests {
  private func services(on loop: any EventLoop) -> LinkServices {
    let store = CountingStore(series: 1, readings: 1)
    let metrics = BrokerMetrics(factory: PrometheusRegistry(texts: MetricTexts.all))
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let (catalog, registry) = (SeriesCatalog([]), DeviceRegistry())
    let readers = LiveReaders(loops: [loop])
    let now: @Sendable () -> Timestamp = { CountingStore.start }
    let hub = LiveHub(
      store: store, lastCommit: CommitNumber(0), catalog: catalog, registry: registry,
      outlet: readers, logger: logger, now: now)
    return LinkServices(
      pipeline: IngestPipeline(
        store: store, lastCommit: CommitNumber(0), catalog: catalog, registry: registry,
        health: StoreHealth(), configuration: .init(), metrics: metrics, logger: logger, now: now,
        committed: { _ in }),
      decoders: LoopDecoders(loops: [loop]), registry: registry, hub: hub, readers: readers,
      metrics: metrics, statistics: LinkStatistics(now: now()),
      admission: AdmissionDesk(
        policy: .init(), load: { .init(queueShare: 0, storeAvailable: true) }, now: now,
        refused: { _ in }),
      devicePolicy: .init(), server: BrokerParts.version, logger: logger, now: now, steady: now)
  }

  @Test(
    "What is refused for the moment ends the stream, so that the reader comes back; else it goes on"
  )
  func refused() async {
    let channel = EmbeddedChannel()
    let (chunks, writer) = AsyncStream<ByteBuffer>.makeStream()
    let stream = EventStream(
      services: services(on: channel.eventLoop), channel: channel, coding: .identity,
      chunks: writer)
    #expect(stream.open(retry: .seconds(2)))
    for word in [RPCError.Word.limitExceeded, .busy, .conflict] {
      stream.deliver(LiveMessage(refusing: "subscribed", RPCError(word, "no")))
    }
    // Returns when the stream has ended.
    let text = await chunks.reduce(into: "") { $0 += String(buffer: $1) }
    #expect(text.contains("limitExceeded") && text.contains("busy"))
    #expect(!text.contains("conflict"), "said behind the end: \(text)")
  }
}
