import DeviceProtocol
import Logging
import Synchronization
import TelemetryModel
import TestValues
import Testing

@testable import BrokerCore

/// Readers join, drop in the middle of anything and come back at any moment, while readings are
/// committed, some of them late: what each of them has put together has to be what the store has.
@Suite("Live hub, seams")
struct LiveHubSeamTests {
  static let subscriptions: [(name: String, Subscription)] = [
    ("raw", Subscription(query: SeriesQuery(), resolution: .raw, functions: [])),
    (
      "raw, slowly",
      Subscription(query: SeriesQuery(), resolution: .raw, functions: [], maxRate: 50)
    ),
    (
      "windows", Subscription(query: SeriesQuery(), resolution: .s1, functions: [.count, .sum])
    ),
    (
      "windows with percentiles",
      Subscription(query: SeriesQuery(), resolution: .s1, functions: [.count, .p50])
    ),
    (
      "groups",
      Subscription(
        query: SeriesQuery(), resolution: .s1, functions: [.count, .sum], groupBy: ["site"])
    ),
    (
      "windows, slowly",
      Subscription(
        query: SeriesQuery(), resolution: .s1, functions: [.count, .sum], maxRate: 20)
    ),
  ]

  @Test(
    "Whenever readers join, drop and resume, they have what the store has, once",
    arguments: subscriptions.indices)
  func seams(_ index: Int) async throws {
    for seed in 1...6 as ClosedRange<UInt64> {
      let (name, subscription) = LiveHubSeamTests.subscriptions[index]
      let play = try LivePlay(seed: seed, subscription: subscription)
      try await play.run(steps: 150)
      let (expected, windowsBefore) = await play.expected()
      for (number, seen) in await play.assembled().enumerated() {
        let where_ = "\(name), seed \(seed), reader \(number)"
        #expect(seen.twice.isEmpty, "\(where_): twice \(seen.twice.prefix(3))")
        var values = seen.values
        if let windowsBefore { values = values.filter { $0.key.start < windowsBefore } }
        #expect(values.count == expected.count, "\(where_): count")
        let wrong = expected.filter { values[$0.key] != $0.value }
        #expect(
          wrong.isEmpty,
          "\(where_): \(wrong.prefix(3)) seen as \(wrong.prefix(3).map { values[$0.key] ?? [] })")
        #expect(seen.gaps.isEmpty, "\(where_): \(seen.gaps.prefix(3))")
      }
    }
  }
}

/// One play: a hub on a store in memory, with a clock that is moved by hand.
private actor LivePlay {
  struct Seen {
    var values: [WindowTable.Key: [JSONValue]] = [:]
    var twice: [WindowTable.Key] = []
    var gaps: [String] = []
    var cursor: String?
  }

  private let subscription: Subscription
  private let store = LogStore()
  private let outlet = RecordingOutlet()
  private let hub: LiveHub
  private let clock: TestClock
  private let devices: [DeviceID]
  private let catalog: SeriesCatalog
  private let registry: DeviceRegistry
  private var random: Seeded
  private var commit: Int64 = 0
  private var seen: [Seen] = []
  private var active: [Int: ReaderID] = [:]
  private var lastReader: UInt64 = 0
  private var subscribing: [Task<Void, Never>] = []
  private let start = Timestamp(seconds: 1_800_000_000)

  init(seed: UInt64, subscription: Subscription) throws {
    self.subscription = subscription
    random = Seeded(seed)
    clock = TestClock(Timestamp(seconds: 1_800_000_060))
    devices = try (1...3).map { try DeviceID("d\($0)") }
    registry = DeviceRegistry(
      devices.enumerated().map { index, device in
        StoredDevice(
          id: device, labels: ["site": index == 0 ? "a" : "b"], agent: nil,
          lastSeen: Timestamp(seconds: 0))
      })
    catalog = SeriesCatalog()
    // Small, so that there are many places to drop at.
    var limits = LiveLimits()
    limits.stepRows = 7
    limits.messageValues = 24
    hub = LiveHub(
      store: store, lastCommit: CommitNumber(0), catalog: catalog, registry: registry,
      outlet: outlet, limits: limits,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
      now: { [clock] in clock.now })
    outlet.hub.withLock { $0 = hub }
  }

  func run(steps: Int) async throws {
    for _ in 0..<steps {
      switch Int.random(in: 0..<10, using: &random) {
      case 0..<5: try await commitSome()
      case 5..<7:
        clock.pass(.milliseconds(Int.random(in: 100...1_500, using: &random)))
        await hub.tick()
      case 7: await join()
      case 8: await drop()
      default: for _ in 0..<Int.random(in: 1...20, using: &random) { await Task.yield() }
      }
    }
    await join()
    for index in seen.indices where active[index] == nil { await resume(index) }
    for task in subscribing { await task.value }
    // What waits for its turn, its step or its late windows comes to rest.
    for _ in 0..<6 {
      clock.pass(.seconds(2))
      await hub.tick()
      try await Task.sleep(for: .milliseconds(subscription.maxRate == nil ? 3 : 60))
      await outlet.settle()
    }
    for index in Array(active.keys) { collect(index, whole: true) }
  }

  private func commitSome() async throws {
    commit += 1
    var batch = CommittedBatch(
      commit: CommitNumber(commit), samples: [], newSeries: [], gaps: [])
    for _ in 0..<Int.random(in: 1...6, using: &random) {
      let device = devices[Int.random(in: 0..<devices.count, using: &random)]
      let metric = try MetricName("m\(Int.random(in: 1...2, using: &random))")
      let isLate = Int.random(in: 0..<4, using: &random) == 0
      let age = Duration.milliseconds(
        Int.random(in: 0...(isLate ? 40_000 : 900), using: &random))
      let id: SeriesID
      switch catalog.resolve(device: device, metric: metric, unit: nil) {
      case .known(let known): id = known
      case .added(let new):
        id = new.id
        batch.newSeries.append(new)
      case .unitChanged: continue
      }
      // No two readings of a series at one time: so each can be told from the others.
      let time = clock.now - age
      let unique = Timestamp(
        microseconds: time.microseconds / 1_000 * 1_000 + commit * 7 % 1_000)
      guard !store.has(id, at: unique), !batch.has(id, at: unique) else { continue }
      let number = Int.random(in: 1...9, using: &random)
      switch Int.random(in: 0..<6, using: &random) {
      case 0:
        // Some as long as many numbers, some longer than a message is to be.
        let text = String(repeating: "\(number) \"", count: number * number * 4)
        batch.texts.append(TextSample(series: id, time: unique, value: .string(text)))
      case 1:
        batch.texts.append(
          TextSample(series: id, time: unique, value: .data([0, 255, UInt8(number)])))
      default:
        batch.samples.append(Sample(series: id, time: unique, value: Double(number)))
      }
    }
    store.append(batch)
    if Bool.random(using: &random) { await Task.yield() }
    await hub.committed(batch)
  }

  private func join() async {
    seen.append(Seen())
    await enter(seen.count - 1, since: .time(start))
  }

  private func resume(_ index: Int) async {
    guard let text = seen[index].cursor, let cursor = Cursor(text) else {
      // It had read nothing at all: it begins anew.
      seen[index] = Seen()
      return await enter(index, since: .time(start))
    }
    await enter(index, since: .cursor(cursor))
  }

  private func enter(_ index: Int, since: Since) async {
    lastReader += 1
    let reader = ReaderID(number: lastReader, lane: 0)
    outlet.open(reader)
    active[index] = reader
    let (hub, subscription) = (hub, subscription)
    // Not waited for: other things happen while history is read.
    let task = Task {
      await hub.subscribe(subscription, since: since, request: "1", reader: reader)
    }
    subscribing.append(task)
    if Bool.random(using: &random) { await task.value }
  }

  private func drop() async {
    guard let index = active.keys.sorted().randomElement(using: &random),
      let reader = active[index]
    else { return }
    collect(index, whole: false)
    active[index] = nil
    outlet.close(reader)
    await hub.remove(reader)
    if Bool.random(using: &random) { await resume(index) }
  }

  /// Puts together what a reader was sent; of a reader that drops, up to a random message.
  private func collect(_ index: Int, whole: Bool) {
    guard let reader = active[index] else { return }
    var messages = outlet.messages(reader)
    if !whole {
      messages = Array(messages.prefix(Int.random(in: 0...messages.count, using: &random)))
    }
    for message in messages { take(message, &seen[index]) }
  }

  private func take(_ message: LiveMessage, _ seen: inout Seen) {
    let rpc = message.rpc
    guard let json = try? JSONValue(parsing: rpc.span) else { return }
    if json["error"] != nil { seen.gaps.append(json.description) }
    if json["method"]?.string == "gap" { seen.gaps.append(json.description) }
    let content = json["params"] ?? json["result"]
    for row in content?["rows"]?.array ?? [] {
      guard let columns = row.array, let series = columns[0].number, let time = columns[1].number
      else { continue }
      let key = WindowTable.Key(
        series: SeriesID(Int64(series)), start: Timestamp(seconds: time))
      let amends = content?["amends"]?.bool == true
      if seen.values[key] != nil, !amends { seen.twice.append(key) }
      seen.values[key] = Array(columns.dropFirst(2))
    }
    if let cursor = content?["cursor"]?.string { seen.cursor = cursor }
  }

  func assembled() -> [Seen] { seen }

  /// What the store has, and before when windows are compared.
  func expected() async -> ([WindowTable.Key: [JSONValue]], Timestamp?) {
    var values: [WindowTable.Key: [JSONValue]] = [:]
    guard subscription.resolution != .raw else {
      for sample in store.samples() {
        values[.init(series: sample.series, start: sample.time)] = [.number(sample.value)]
      }
      for text in store.texts() {
        let value: JSONValue =
          switch text.value {
          case .string(let text): .string(text)
          // Three bytes are four letters of base64url; the last of them counts from A.
          case .data(let data): ["vd": .string("AP8" + String(UnicodeScalar(65 + data[2])))]
          }
        values[.init(series: text.series, start: text.time)] = [value]
      }
      return (values, nil)
    }
    let frontier = WindowTable.frontier(subscription.resolution, at: clock.now)
    let series = catalog.all { _ in true }
    let states = store.states(
      of: series.map(\.id), resolution: subscription.resolution, from: start, to: frontier,
      withSketch: subscription.withSketch)
    var entries = states.entries
    if let names = subscription.groupBy {
      var groups = SeriesGroups(by: names)
      for one in series { groups.add(one, labels: registry.labels(of: one.device)) }
      entries = GroupedWindows.merged(entries, by: groups)
    }
    for entry in entries {
      values[.init(series: entry.series, start: entry.start)] = subscription.functions.map {
        entry.summary.value(of: $0).map { .number($0) } ?? .null
      }
    }
    return (values, frontier)
  }
}

extension CommittedBatch {
  fileprivate func has(_ series: SeriesID, at time: Timestamp) -> Bool {
    samples.contains { $0.series == series && $0.time == time }
      || texts.contains { $0.series == series && $0.time == time }
  }
}
