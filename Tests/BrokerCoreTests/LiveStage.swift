import DeviceProtocol
import Logging
import Synchronization
import TelemetryModel

@testable import BrokerCore

/// A hub with a clock that is moved by hand.
final class LiveStage: Sendable {
  let store = LogStore()
  let outlet = RecordingOutlet()
  let catalog = SeriesCatalog()
  let registry: DeviceRegistry
  let hub: LiveHub
  private let clock: TestClock
  private let commits = Mutex<Int64>(0)

  init(
    at start: Timestamp, limits: LiveLimits = LiveLimits(), runs: StoreRuns = StoreRuns(),
    labels: [String: String] = [:]
  )
    throws
  {
    let clock = TestClock(start)
    self.clock = clock
    registry = DeviceRegistry(
      try (1...3).map {
        StoredDevice(
          id: try DeviceID("d\($0)"), labels: $0 == 1 ? labels : [:], agent: nil,
          lastSeen: start)
      })
    hub = LiveHub(
      store: store, lastCommit: CommitNumber(0), runs: runs, catalog: catalog, registry: registry,
      outlet: outlet, limits: limits,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
      now: { clock.now })
    outlet.hub.withLock { $0 = hub }
  }

  var now: Timestamp { clock.now }

  func pass(_ duration: Duration) async {
    clock.pass(duration)
    await hub.tick()
  }

  func commit(_ device: String, _ metric: String, _ values: [(Timestamp, Double)]) async throws {
    try await commit { batch in
      let id: SeriesID
      switch catalog.resolve(
        device: try DeviceID(device), metric: try MetricName(metric), unit: nil)
      {
      case .known(let known): id = known
      case .added(let new):
        id = new.id
        batch.newSeries = [new]
      case .unitChanged: return
      }
      batch.samples = values.map { Sample(series: id, time: $0.0, value: $0.1) }
    }
  }

  /// `isLost`: so much waited for the hub that it was dropped.
  func commit(
    isLost: Bool = false, _ fill: (inout CommittedBatch) throws -> Void
  ) async throws {
    let number = commits.withLock { number in
      number += 1
      return number
    }
    var batch = CommittedBatch(
      commit: CommitNumber(number), samples: [], newSeries: [], gaps: [])
    try fill(&batch)
    store.append(batch)
    if isLost {
      await hub.fellBehind(at: batch.commit)
    } else {
      await hub.committed(batch)
    }
  }

  func subscribe(_ subscription: Subscription, since: Since = .now) async -> ReaderID {
    let reader = ReaderID(number: UInt64.random(in: 0...UInt64.max), lane: 0)
    outlet.open(reader)
    await hub.subscribe(subscription, since: since, request: "1", reader: reader)
    await outlet.settle()
    return reader
  }

  /// `method: …` of everything a reader was sent, with its content.
  func told(_ reader: ReaderID) -> [(method: String, content: JSONValue)] {
    outlet.messages(reader).compactMap { message in
      guard let json = try? JSONValue(parsing: message.rpc.span) else { return nil }
      if let error = json["error"] { return ("error", error) }
      return (json["method"]?.string ?? "result", json["params"] ?? json["result"] ?? .null)
    }
  }

  func rows(_ reader: ReaderID) -> [[Double]] {
    told(reader).flatMap { $0.content["rows"]?.array ?? [] }.map { row in
      (row.array ?? []).map { $0.number ?? .nan }
    }
  }
}
