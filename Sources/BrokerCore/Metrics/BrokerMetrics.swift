import DeviceProtocol
package import Metrics

/// Every metric of the broker, declared in one place; names carry their unit, labels come from
/// closed sets only (never a device's name). Safe from any thread.
package final class BrokerMetrics: Sendable {
  private let packs: Counter
  private let duplicatePacks: Counter
  private let samples: Counter
  private let refusedRecords: Counter
  private let gapPacks: Counter
  private let commits: Counter
  private let commitTime: Timer
  private let linksOpened: Counter
  private let linkEnds: [LinkEndCause: Counter]
  private let devicesOnline: Gauge
  private let devicesKnown: Gauge
  private let series: Gauge
  private let feeds: Gauge
  private let readers: Gauge
  private let queuedRecords: Gauge
  private let storeBytes: Gauge
  private let storeAvailable: Gauge

  /// Declares them all with one factory.
  package init(factory: any MetricsFactory) {
    func counter(_ name: String, _ dimensions: [(String, String)] = []) -> Counter {
      Counter(label: name, dimensions: dimensions, factory: factory)
    }
    func gauge(_ name: String) -> Gauge {
      Gauge(label: name, factory: factory)
    }
    packs = counter("hawser_packs_total")
    duplicatePacks = counter("hawser_duplicate_packs_total")
    samples = counter("hawser_samples_total")
    refusedRecords = counter("hawser_refused_records_total")
    gapPacks = counter("hawser_gap_packs_total")
    commits = counter("hawser_commits_total")
    commitTime = Timer(label: "hawser_commit_seconds", factory: factory)
    linksOpened = counter("hawser_links_opened_total")
    linkEnds = Dictionary(
      uniqueKeysWithValues: LinkEndCause.allCases.map {
        ($0, counter("hawser_link_ends_total", [("cause", $0.rawValue)]))
      })
    devicesOnline = gauge("hawser_devices_online")
    devicesKnown = gauge("hawser_devices_known")
    series = gauge("hawser_series")
    feeds = gauge("hawser_live_feeds")
    readers = gauge("hawser_live_readers")
    queuedRecords = gauge("hawser_queued_records")
    storeBytes = gauge("hawser_store_bytes")
    storeAvailable = gauge("hawser_store_available")
  }

  /// A device link said `hello`.
  package func linkOpened() {
    linksOpened.increment()
  }

  /// A device link ended.
  package func linkEnded(_ cause: LinkEndCause) {
    linkEnds[cause]?.increment()
  }

  /// Sets what is measured when somebody asks.
  package func set(_ state: BrokerState) {
    devicesOnline.record(state.devicesOnline)
    devicesKnown.record(state.devicesKnown)
    series.record(state.series)
    feeds.record(state.feeds)
    readers.record(state.readers)
    queuedRecords.record(state.queuedRecords)
    storeBytes.record(state.storeBytes)
    storeAvailable.record(state.storeAvailable ? 1 : 0)
  }

  func committed(_ assembly: BatchAssembly, took duration: Duration) {
    commits.increment()
    commitTime.record(duration: duration)
    packs.increment(by: assembly.packs)
    duplicatePacks.increment(by: assembly.duplicatePacks)
    samples.increment(by: assembly.batch.samples.count)
    refusedRecords.increment(by: assembly.refusals.reduce(0) { $0 + $1.refusal.count })
    gapPacks.increment(
      by: assembly.batch.gaps.reduce(0) { $0 + Int(clamping: $1.range.to - $1.range.from + 1) })
  }
}

/// What the broker's gauges show, read at one moment.
package struct BrokerState: Sendable {
  /// Devices with a link.
  package var devicesOnline = 0
  /// Devices ever seen.
  package var devicesKnown = 0
  /// Series ever seen.
  package var series = 0
  /// Distinct live subscriptions.
  package var feeds = 0
  /// Readers of them.
  package var readers = 0
  /// Records waiting for a commit.
  package var queuedRecords = 0
  /// The store on disk.
  package var storeBytes: Int64 = 0
  /// Whether the store takes data.
  package var storeAvailable = true

  /// All zero, and available.
  package init() {}
}

/// How a device's link ended, as the broker sees it.
package enum LinkEndCause: String, CaseIterable, Sendable {
  /// The device closed it in order.
  case closedByDevice
  /// It ended without a close frame.
  case dropped
  /// Nothing was heard for longer than the heartbeat allows.
  case silent
  /// The same device opened a newer one.
  case replaced
  /// An operator had the device forgotten.
  case revoked
  /// The device broke the protocol.
  case protocolError
  /// The broker asked it to come back later.
  case overloaded
  /// The broker stopped.
  case brokerStopped
}
