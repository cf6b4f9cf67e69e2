import DeviceProtocol
package import Metrics
import TelemetryModel

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
  private let linksOpened: [LinkTransport: Counter]
  private let linkEnds: [LinkTransport: [LinkEndCause: Counter]]
  private let linksRefused: [Admission.Cause: Counter]
  private let handovers: Counter
  private let spareLinks: Counter
  private let duplicates: Counter
  private let devicesOnline: Gauge
  private let devicesKnown: Gauge
  private let series: Gauge
  private let feeds: Gauge
  private let readers: Gauge
  private let queuedRecords: Gauge
  private let storeBytes: Gauge
  private let storeFreeBytes: Gauge
  private let storeDiskFreeBytes: Gauge
  private let storeUnfolded: Gauge
  private let storeGivenUp: Gauge
  private let storeMaxBytes: Gauge
  private let storeAvailable: Gauge
  private let storeInOrder: Gauge

  /// Declares them all with one factory.
  package init(factory: any MetricsFactory) {
    func counter(_ name: String, _ dimensions: [(String, String)] = []) -> Counter {
      Counter(label: name, dimensions: dimensions, factory: factory)
    }
    func gauge(_ name: String) -> Gauge {
      Gauge(label: name, factory: factory)
    }
    /// One for every member of a closed set.
    func each<Label: CaseIterable & Hashable, Value>(
      _ make: (Label) -> Value
    ) -> [Label: Value] {
      Dictionary(uniqueKeysWithValues: Label.allCases.map { ($0, make($0)) })
    }
    packs = counter("hawser_packs_total")
    duplicatePacks = counter("hawser_duplicate_packs_total")
    samples = counter("hawser_samples_total")
    refusedRecords = counter("hawser_refused_records_total")
    gapPacks = counter("hawser_gap_packs_total")
    commits = counter("hawser_commits_total")
    commitTime = Timer(label: "hawser_commit_seconds", factory: factory)
    linksOpened = each { counter("hawser_links_opened_total", [("transport", $0.rawValue)]) }
    linkEnds = each { transport in
      each { cause in
        counter(
          "hawser_link_ends_total", [("cause", cause.rawValue), ("transport", transport.rawValue)])
      }
    }
    linksRefused = each { counter("hawser_links_refused_total", [("cause", $0.rawValue)]) }
    handovers = counter("hawser_handovers_total")
    spareLinks = counter("hawser_spare_links_total")
    duplicates = counter("hawser_duplicate_devices_total")
    devicesOnline = gauge("hawser_devices_online")
    devicesKnown = gauge("hawser_devices_known")
    series = gauge("hawser_series")
    feeds = gauge("hawser_live_feeds")
    readers = gauge("hawser_live_readers")
    queuedRecords = gauge("hawser_queued_records")
    storeBytes = gauge("hawser_store_bytes")
    storeFreeBytes = gauge("hawser_store_free_bytes")
    storeDiskFreeBytes = gauge("hawser_store_disk_free_bytes")
    storeUnfolded = gauge("hawser_store_unfolded_readings")
    storeGivenUp = gauge("hawser_store_given_up_readings")
    storeMaxBytes = gauge("hawser_store_max_bytes")
    storeAvailable = gauge("hawser_store_available")
    storeInOrder = gauge("hawser_store_in_order")
  }

  /// A device link said `hello`; `handedOver` where it took over from one that still worked.
  package func linkOpened(_ transport: LinkTransport, handedOver: Bool) {
    linksOpened[transport]?.increment()
    if handedOver { handovers.increment() }
  }

  /// A device link ended.
  package func linkEnded(_ cause: LinkEndCause, _ transport: LinkTransport) {
    linkEnds[transport]?[cause]?.increment()
  }

  /// A device was told to come back later.
  package func linkRefused(_ cause: Admission.Cause) {
    linksRefused[cause]?.increment()
  }

  /// Two devices were found under one name; counted again every hour while they go on.
  package func duplicateFound() {
    duplicates.increment()
  }

  /// A device opened a spare link.
  package func spareLinkOpened() {
    spareLinks.increment()
  }

  /// Sets what is measured when somebody asks.
  package func set(_ state: BrokerState) {
    devicesOnline.record(state.devicesOnline)
    devicesKnown.record(state.devicesKnown)
    series.record(state.series)
    feeds.record(state.feeds)
    readers.record(state.readers)
    queuedRecords.record(state.queuedRecords)
    storeBytes.record(state.store.bytes)
    storeFreeBytes.record(state.store.freeBytes)
    storeDiskFreeBytes.record(state.store.diskFreeBytes ?? 0)
    storeUnfolded.record(state.store.unfoldedReadings)
    storeGivenUp.record(state.store.readingsGivenUp)
    storeMaxBytes.record(state.store.maxBytes ?? 0)
    storeAvailable.record(state.storeProblem == nil ? 1 : 0)
    storeInOrder.record(state.store.problem == nil ? 1 : 0)
  }

  func committed(_ assembly: BatchAssembly, took duration: Duration) {
    commits.increment()
    commitTime.record(duration: duration)
    packs.increment(by: assembly.packs)
    duplicatePacks.increment(by: assembly.duplicatePacks)
    samples.increment(by: assembly.batch.samples.count + assembly.batch.texts.count)
    refusedRecords.increment(by: assembly.refusals.reduce(0) { $0 + $1.refusal.count })
    gapPacks.increment(
      by: assembly.batch.gaps.reduce(0) {
        $0.addingSaturating(Int(clamping: $1.range.to - $1.range.from + 1))
      })
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
  package var store = StoreUsage(bytes: 0)
  /// Why the store takes no data; nil where it does.
  package var storeProblem: String?

  /// All zero, and available.
  package init() {}
}
