import DeviceProtocol
import TelemetryModel
import Testing

@testable import BrokerCore

@Suite("Live hub")
struct LiveHubTests {
  private typealias Stage = LiveStage
  private let start = Timestamp(seconds: 1_800_000_000)

  private let raw = Subscription(query: SeriesQuery(), resolution: .raw, functions: [])

  @Test("What waits for its turn is said early where it is much")
  func waiting() async throws {
    var limits = LiveLimits()
    limits.messageValues = 20
    let stage = try Stage(at: start, limits: limits)
    let reader = await stage.subscribe(
      Subscription(query: SeriesQuery(), resolution: .raw, functions: [], maxRate: 0.01))
    func said() -> Int { stage.rows(reader).count }
    try await stage.commit("d1", "m", [(start, 0)])
    #expect(said() == 1)
    try await stage.commit("d1", "m", (1...8).map { (start + .milliseconds($0), 1) })
    #expect(said() == 1)
    try await stage.commit("d1", "m", [(start + .seconds(1), 2), (start + .seconds(2), 2)])
    #expect(said() == 11)
  }

  @Test("Windows that were merged are told under the number that their group had")
  func regroupedLater() async throws {
    let stage = try Stage(at: start, labels: ["site": "a"])
    for device in ["d1", "d2", "d3"] { try await stage.commit(device, "m", [(start, 1)]) }
    let reader = await stage.subscribe(
      Subscription(
        query: SeriesQuery(), resolution: .s1, functions: [.count], groupBy: ["site"],
        maxRate: 0.01))
    // The first message takes the turn of a hundred seconds, the second waits.
    await stage.pass(.seconds(2))
    for device in ["d1", "d2", "d3"] { try await stage.commit(device, "m", [(stage.now, 1)]) }
    await stage.pass(.seconds(2))
    #expect(stage.rows(reader).map { [$0[0], $0[2]] } == [[1, 1], [2, 2]])
    let status = try #require(
      stage.registry.changeOperatorLabels(of: try DeviceID("d2")) { $0["site"] = "a" })
    await stage.hub.deviceChanged(status)
    let kinds = stage.told(reader).map(\.method)
    #expect(kinds == ["result", "update", "update", "series"])
    #expect(stage.rows(reader).map { [$0[0], $0[2]] } == [[1, 1], [2, 2], [1, 1], [2, 2]])
  }

  @Test("New series and devices that match join by themselves, others do not")
  func joins() async throws {
    let stage = try Stage(at: start)
    let reader = await stage.subscribe(
      Subscription(
        query: SeriesQuery(metrics: [Glob("temp*")]), resolution: .s1, functions: [.last]))
    try await stage.commit("d1", "temperature", [(start, 20)])
    try await stage.commit("d2", "humidity", [(start, 50)])
    await stage.pass(.seconds(2))
    let announced = stage.told(reader).filter { $0.method == "series" }
    #expect(announced.count == 1)
    #expect(
      announced.first?.content["series"]?.array?.first?["metric"]?.string == "temperature")
    #expect(stage.rows(reader).map { $0[2] } == [20])
  }

  @Test(
    "A device whose labels come to match joins, with what it measured before in the same window")
  func relabelled() async throws {
    let stage = try Stage(at: start)
    try await stage.commit("d1", "m", [(start, 1)])
    let reader = await stage.subscribe(
      Subscription(
        query: SeriesQuery(labels: ["site": Glob("lab")]), resolution: .s1,
        functions: [.count]))
    let device = try DeviceID("d1")
    let status = try #require(
      stage.registry.changeOperatorLabels(of: device) { $0["site"] = "lab" })
    await stage.hub.deviceChanged(status)
    while stage.told(reader).allSatisfy({ $0.method != "series" }) { await Task.yield() }
    try await stage.commit("d1", "m", [(start + .milliseconds(500), 2)])
    await stage.pass(.seconds(2))
    #expect(stage.rows(reader).map { $0[2] } == [2])
    let gone = try #require(
      stage.registry.changeOperatorLabels(of: device) { $0["site"] = "attic" })
    await stage.hub.deviceChanged(gone)
    try await stage.commit("d1", "m", [(stage.now, 3)])
    await stage.pass(.seconds(2))
    #expect(stage.rows(reader).count == 1)
  }

  @Test("Groups follow the labels of their devices")
  func regrouped() async throws {
    let stage = try Stage(at: start, labels: ["site": "a"])
    try await stage.commit("d1", "m", [(start, 1)])
    try await stage.commit("d2", "m", [(start, 2)])
    let reader = await stage.subscribe(
      Subscription(
        query: SeriesQuery(), resolution: .s1, functions: [.count], groupBy: ["site"]))
    let status = try #require(
      stage.registry.changeOperatorLabels(of: try DeviceID("d2")) { $0["site"] = "a" })
    await stage.hub.deviceChanged(status)
    await stage.pass(.seconds(2))
    #expect(stage.rows(reader).map { $0[2] } == [2])
    // The other's number means nothing any more, this one's what it did before.
    #expect(stage.told(reader).map(\.method) == ["result", "update"])
    let series = stage.told(reader).first?.content["series"]?.array
    #expect(series?.first?["group"]?["site"]?.string == "a")
    #expect(series?.first?["series"]?.number == stage.rows(reader).first?.first)
  }

  @Test("With a rate, messages are fewer and nothing is left out")
  func maxRate() async throws {
    let stage = try Stage(at: start)
    let reader = await stage.subscribe(
      Subscription(query: SeriesQuery(), resolution: .s1, functions: [.count], maxRate: 0.1))
    for second in 0..<40 {
      try await stage.commit("d1", "m", [(start + .seconds(second), 1)])
      await stage.pass(.seconds(1))
    }
    let updates = stage.told(reader).filter { $0.method == "update" }
    #expect((4...5).contains(updates.count), "\(updates.count)")
    let starts = stage.rows(reader).map { $0[1] }
    #expect(starts.count >= 30 && Set(starts).count == starts.count)
    #expect(starts == starts.sorted())
  }

  @Test("A window that has changed while it waited for its turn is told once, as it is")
  func amendedWaiting() async throws {
    let stage = try Stage(at: start)
    let reader = await stage.subscribe(
      Subscription(query: SeriesQuery(), resolution: .s1, functions: [.sum], maxRate: 0.2))
    for second in 0..<12 {
      try await stage.commit("d1", "m", [(start + .seconds(second), 1)])
      await stage.pass(.seconds(1))
      try await stage.commit("d1", "m", [(start + .seconds(second), 100)])
    }
    await stage.pass(.seconds(6))
    await stage.pass(.seconds(6))
    var seen: [Double: Double] = [:]
    for row in stage.rows(reader) { seen[row[1]] = row[2] }
    #expect(seen.count == 12 && seen.values.allSatisfy { $0 == 101 }, "\(seen)")
  }

  @Test("A clock that is put back holds nothing up for longer than the rate does")
  func clockPutBack() async throws {
    let stage = try Stage(at: start)
    let reader = await stage.subscribe(
      Subscription(query: SeriesQuery(), resolution: .raw, functions: [], maxRate: 0.2))
    try await stage.commit("d1", "m", [(start, 1)])
    await stage.pass(.seconds(-3_600))
    try await stage.commit("d1", "m", [(stage.now, 2)])
    #expect(stage.rows(reader).map { $0[2] } == [1])
    await stage.pass(.seconds(5))
    try await stage.commit("d1", "m", [(stage.now, 3)])
    #expect(stage.rows(reader).map { $0[2] } == [1, 2, 3])
  }

  @Test("Equal subscriptions are one feed with one message, and the last that leaves ends it")
  func shared() async throws {
    let stage = try Stage(at: start)
    let windows = Subscription(query: SeriesQuery(), resolution: .s1, functions: [.last])
    var readers: [ReaderID] = []
    for _ in 0..<5 { readers.append(await stage.subscribe(windows)) }
    #expect(await stage.hub.counts == (feeds: 1, readers: 5))
    try await stage.commit("d1", "m", [(start, 1)])
    await stage.pass(.seconds(2))
    let name = try #require(stage.told(readers[0]).first?.content["subscription"]?.string)
    for reader in readers { #expect(stage.rows(reader).count == 1) }
    for reader in readers.dropLast() { await stage.hub.remove(reader) }
    #expect(await stage.hub.unsubscribe(readers[4], feed: name))
    #expect(await stage.hub.counts == (feeds: 0, readers: 0))
    #expect(await stage.hub.tables.isEmpty)
    #expect(await stage.hub.feedsBySeries.isEmpty)
  }

  @Test("Subscriptions that mean the same are equal, in whatever order they say it")
  func equal() throws {
    func subscription(_ devices: [String]?, _ metrics: [String]?) throws -> Subscription {
      try Subscription.wanted(SubscribeParams(devices: devices, metrics: metrics, labels: [:])).0
    }
    let one = try subscription(["a", "b*", "a"], nil)
    #expect(try subscription(["b*", "a"], ["*"]) == one)
    #expect(try subscription(["b*", "a"], ["x", "*"]) == one)
    #expect(try subscription(["b*"], nil) != one && subscription([], nil) != one)
    #expect(try subscription([], nil) != subscription(nil, nil), "none is not all")
  }

  @Test("Where commits were dropped on their way readers are sent away, and come back to all of it")
  func fellBehind() async throws {
    let stage = try Stage(at: start)
    let windows = Subscription(query: SeriesQuery(), resolution: .s1, functions: [.last])
    try await stage.commit("d1", "m", [(start, 1)])
    let readers = [await stage.subscribe(raw), await stage.subscribe(windows)]
    try await stage.commit("d1", "m", [(start + .seconds(1), 2)])
    await stage.pass(.seconds(3))
    let series = try #require(stage.store.samples().first?.series)
    for (number, isLost) in [(3, true), (4, true), (5, false)] {
      try await stage.commit(isLost: isLost) { batch in
        batch.samples = [
          Sample(series: series, time: start + .seconds(number - 1), value: Double(number))
        ]
      }
    }
    #expect(readers.allSatisfy { !stage.outlet.isOpen($0) })
    #expect(await stage.hub.counts == (feeds: 0, readers: 0))
    #expect(await stage.hub.tables.isEmpty)
    for (reader, subscription) in zip(readers, [raw, windows]) {
      let text = try #require(stage.told(reader).last?.content["cursor"]?.string)
      let cursor = try #require(Cursor(text))
      let again = await stage.subscribe(subscription, since: .cursor(cursor))
      await stage.pass(.seconds(4))
      #expect(stage.rows(reader).compactMap(\.last).last == 2)
      #expect(stage.rows(again).compactMap(\.last) == [3, 4, 5])
    }
  }

  @Test("A reader that went away before its subscription was taken up leaves nothing behind")
  func goneBefore() async throws {
    let stage = try Stage(at: start)
    let reader = ReaderID(number: 1, lane: 0)
    await stage.hub.subscribe(raw, since: .now, request: "1", reader: reader)
    await stage.hub.watchDevices(reader, request: "2")
    #expect(await stage.hub.counts == (feeds: 0, readers: 0))
    #expect(stage.outlet.messages(reader).isEmpty)
  }

  @Test("The same twice on one connection, and too many, are refused")
  func refused() async throws {
    var limits = LiveLimits()
    limits.subscriptions = 2
    let stage = try Stage(at: start, limits: limits)
    let reader = await stage.subscribe(raw)
    for resolution in [Resolution.raw, .s1, .s10] {
      await stage.hub.subscribe(
        Subscription(query: SeriesQuery(), resolution: resolution, functions: []), since: .now,
        request: "x", reader: reader)
    }
    let errors = stage.told(reader).filter { $0.method == "error" }
    #expect(
      errors.compactMap { $0.content["data"]?["code"]?.string } == ["conflict", "limitExceeded"])
  }

  @Test("All subscriptions of one connection together have so many series at the most")
  func seriesOfReader() async throws {
    var limits = LiveLimits()
    limits.seriesOfReader = 5
    let stage = try Stage(at: start, limits: limits)
    for metric in ["a", "b"] { try await stage.commit("d1", metric, [(start, 1)]) }
    let reader = await stage.subscribe(raw)
    func subscribe(_ resolution: Resolution) async {
      await stage.hub.subscribe(
        Subscription(query: SeriesQuery(), resolution: resolution, functions: [.last]),
        since: .now, request: "x", reader: reader)
    }
    await subscribe(.s1)
    // Two and two are there; of what is refused nothing stays.
    await subscribe(.s10)
    let refusals = stage.told(reader).filter { $0.method == "error" }
    #expect(refusals.map { $0.content["data"]?["code"]?.string } == ["limitExceeded"])
    #expect(refusals.first?.content["data"]?["limit"]?.number == 5)
    #expect(await stage.hub.counts == (feeds: 2, readers: 2))
    let other = await stage.subscribe(raw)
    #expect(stage.told(other).allSatisfy { $0.method != "error" })
  }

  @Test("Those who watch devices are told of all, and of every change, with the quality of links")
  func devices() async throws {
    let stage = try Stage(at: start)
    let reader = ReaderID(number: 1, lane: 0)
    stage.outlet.open(reader)
    await stage.hub.watchDevices(reader, request: "1")
    let first = try #require(stage.told(reader).first?.content["devices"]?.array)
    #expect(first.compactMap { $0["device"]?.string } == ["d1", "d2", "d3"])
    #expect(first.first?["quality"]?["ends"]?.array != nil)
    let status = try #require(
      stage.registry.changeOperatorLabels(of: try DeviceID("d2")) { $0["site"] = "lab" })
    await stage.hub.deviceChanged(status)
    let told = try #require(stage.told(reader).last)
    #expect(told.method == "presence" && told.content["labels"]?["site"]?.string == "lab")
    // One that is forgotten before a slow reader could be told of it.
    let gone = try DeviceID("d3")
    #expect(stage.registry.forget(gone))
    await stage.hub.tell(reader, of: [gone])
    let last = try #require(stage.told(reader).last)
    #expect(last.content["device"]?.string == "d3" && last.content["forgotten"]?.bool == true)
  }
}
