import DeviceProtocol
import TelemetryModel
import Testing

@testable import BrokerCore

/// Where readers begin, and how they come to the present.
@Suite("Live hub, joining")
struct LiveHubJoiningTests {
  private typealias Stage = LiveStage
  private let start = Timestamp(seconds: 1_800_000_000)
  private let raw = Subscription(query: SeriesQuery(), resolution: .raw, functions: [])

  /// Texts of one device, committed at once.
  private func commit(
    _ texts: [(metric: String, time: Timestamp, value: TextSample.Value)], to stage: Stage
  ) async throws {
    try await stage.commit { batch in
      for text in texts {
        let series: SeriesID
        switch stage.catalog.resolve(
          device: try DeviceID("d1"), metric: try MetricName(text.metric), unit: nil)
        {
        case .known(let known): series = known
        case .added(let new):
          series = new.id
          batch.newSeries.append(new)
        case .unitChanged: continue
        }
        batch.texts.append(TextSample(series: series, time: text.time, value: text.value))
      }
    }
  }

  @Test("A raw subscription gets the newest readings of a past that is too long, and is told so")
  func boundedHistory() async throws {
    var limits = LiveLimits()
    limits.historyReadings = 500
    limits.stepRows = 50
    let stage = try Stage(at: start, limits: limits)
    try await stage.commit(
      "d1", "m", (0..<2_000).map { (start - .seconds(2_000 - $0), Double($0)) })
    let reader = await stage.subscribe(raw, since: .time(start - .seconds(4_000)))
    let told = stage.told(reader)
    let gap = try #require(told.first { $0.method == "gap" }?.content)
    #expect(gap["from"]?.number == (start - .seconds(4_000)).seconds)
    #expect(gap["reason"]?.string == "more history than one subscription gets")
    let rows = stage.rows(reader)
    #expect(rows.last?.last == 1_999)
    #expect((400...500).contains(rows.count), "\(rows.count)")
    #expect(rows.first.map { $0[1] >= gap["to"]?.number ?? .infinity } == true)
    // In steps, so that none of them takes much memory.
    #expect(stage.outlet.steps > 3)
    #expect(told.allSatisfy { ($0.content["rows"]?.array?.count ?? 0) <= 50 })
  }

  @Test("Texts and data are told among numbers, history first, and no windows are made of them")
  func texts() async throws {
    let stage = try Stage(at: start)
    try await commit(
      [("door", start - .seconds(9), .string("shut")), ("tag", start - .seconds(8), .data([251]))],
      to: stage)
    let reader = await stage.subscribe(raw, since: .time(start - .seconds(60)))
    let windows = await stage.subscribe(
      Subscription(query: SeriesQuery(), resolution: .s1, functions: [.count]),
      since: .time(start - .seconds(60)))
    try await stage.commit("d1", "m", [(start, 1.5)])
    try await commit([("door", start, .string("open \"now\"\n"))], to: stage)
    await stage.pass(.seconds(2))
    let rows = stage.told(reader).flatMap { $0.content["rows"]?.array ?? [] }
    let values = rows.compactMap { $0.array?.last }
    #expect(values == ["shut", ["vd": "-w"], 1.5, "open \"now\"\n"])
    #expect(stage.rows(windows).count == 1)
  }

  @Test("Long texts are told in more messages, and steps have fewer of them")
  func longTexts() async throws {
    var limits = LiveLimits()
    limits.stepRows = 50
    limits.messageValues = 200
    let stage = try Stage(at: start, limits: limits)
    // Each as much as twenty numbers.
    let text = String(repeating: "x", count: 19 * HistoryRow.textBytes)
    func texts(_ range: Range<Int>) -> [(String, Timestamp, TextSample.Value)] {
      range.map { ("m", start - .seconds(300 - $0), .string(text)) }
    }
    try await commit(texts(0..<200), to: stage)
    let reader = await stage.subscribe(raw, since: .time(start - .seconds(400)))
    try await commit(texts(200..<300), to: stage)
    let times = stage.rows(reader).map { $0[1] }
    #expect(times == (0..<300).map { (start - .seconds(300 - $0)).seconds })
    #expect(stage.outlet.steps > 20)
    let rows = stage.told(reader).map { $0.content["rows"]?.array?.count ?? 0 }
    #expect(rows.allSatisfy { $0 <= 5 }, "\(rows)")
  }

  @Test(
    "A moment that has more than a step is read series by series, and what has too much is told")
  func longMoment() async throws {
    var limits = LiveLimits()
    limits.stepRows = 10
    let stage = try Stage(at: start, limits: limits)
    let text = String(repeating: "x", count: 30 * HistoryRow.textBytes)
    let moment = start - .seconds(20)
    try await commit((1...9).map { ("m\($0)", moment, .string(text)) }, to: stage)
    try await commit((1...9).map { _ in ("m9", moment, .string(text)) }, to: stage)
    try await commit([("m1", start, .string("last"))], to: stage)
    let early = Since.time(start - .seconds(60))
    for since in [early, .cursor(Cursor(commit: CommitNumber(1), frontier: start))] {
      let reader = await stage.subscribe(raw, since: since)
      let told = stage.told(reader)
      let rows = stage.rows(reader)
      let isWhole = since == early
      #expect(rows.map { $0[0] } == (isWhole ? [1, 2, 3, 4, 5, 6, 7, 8, 1] : [1]))
      let gap = told.first { $0.method == "gap" }?.content
      #expect(gap?["reason"]?.string == "more history than one subscription gets")
      #expect(gap?["from"]?.number == moment.seconds && gap?["to"]?.number == moment.seconds)
      await stage.hub.remove(reader)
    }
  }

  @Test("Long histories come in steps, in the order of time, whole")
  func steps() async throws {
    var limits = LiveLimits()
    limits.stepRows = 40
    let stage = try Stage(at: start, limits: limits)
    for device in ["d1", "d2", "d3"] {
      try await stage.commit(
        device, "m", (0..<600).map { (start - .seconds(600 - $0), Double($0)) })
    }
    let windows = Subscription(query: SeriesQuery(), resolution: .s1, functions: [.sum])
    let reader = await stage.subscribe(windows, since: .time(start - .seconds(600)))
    // The last window is open still.
    await stage.pass(.seconds(1))
    let rows = stage.rows(reader)
    #expect(rows.count == 1_800)
    #expect(Set(rows.map { "\($0[0]) \($0[1])" }).count == 1_800)
    #expect(rows.map { $0[1] } == rows.map { $0[1] }.sorted())
    #expect(stage.outlet.steps > 10)
  }

  @Test(
    "Long silence before much does not make one large step of it", arguments: [nil, ["site"]])
  func sparse(_ groupBy: [String]?) async throws {
    var limits = LiveLimits()
    limits.stepRows = 20
    limits.stepWindows = 200
    let stage = try Stage(at: start, limits: limits)
    for device in ["d1", "d2"] {
      try await stage.commit(
        device, "m", (0..<400).map { (start - .seconds(400 - $0), Double($0)) })
    }
    let reader = await stage.subscribe(
      Subscription(
        query: SeriesQuery(), resolution: .s1, functions: [.count], groupBy: groupBy),
      since: .time(Timestamp(seconds: 0)))
    await stage.pass(.seconds(2))
    let rows = stage.rows(reader)
    #expect(rows.count == (groupBy == nil ? 800 : 400))
    #expect(rows.map { $0[1] } == rows.map { $0[1] }.sorted())
    #expect(stage.outlet.steps > 5)
    let most = stage.told(reader).map { $0.content["rows"]?.array?.count ?? 0 }.max()
    #expect((most ?? 0) <= 80)
  }

  @Test("Whoever comes back after much has changed is told in steps")
  func lateSteps() async throws {
    var limits = LiveLimits()
    limits.stepRows = 20
    let stage = try Stage(at: start, limits: limits)
    try await stage.commit("d1", "m", [(start - .seconds(1), 1)])
    let windows = Subscription(query: SeriesQuery(), resolution: .s1, functions: [.count])
    let first = await stage.subscribe(windows, since: .time(start - .seconds(5)))
    await stage.pass(.seconds(2))
    let cursor = try #require(
      stage.told(first).last { $0.content["cursor"] != nil }?.content["cursor"]?.string)
    await stage.hub.remove(first)
    try await stage.commit(
      "d1", "m", (0..<300).map { (start - .seconds(300 - $0), 2) })
    let steps = stage.outlet.steps
    let second = await stage.subscribe(windows, since: .cursor(try #require(Cursor(cursor))))
    let amends = stage.told(second).filter { $0.content["amends"]?.bool == true }
    #expect(amends.flatMap { $0.content["rows"]?.array ?? [] }.count == 300)
    #expect(amends.allSatisfy { ($0.content["rows"]?.array?.count ?? 0) <= 20 })
    #expect(stage.outlet.steps - steps >= 14)
    // Once all of them are told the cursor says so: nothing is told again.
    let last = try #require(
      stage.told(second).last { $0.content["cursor"] != nil }?.content["cursor"]?.string)
    let third = await stage.subscribe(
      Subscription(
        query: SeriesQuery(metrics: [Glob("*")]), resolution: .s1, functions: [.count]),
      since: .cursor(try #require(Cursor(last))))
    #expect(stage.rows(third).isEmpty)
  }

  @Test("Of two subscriptions of a reader to one feed the later one's beginning counts")
  func again() async throws {
    for _ in 0..<40 {
      let stage = try Stage(at: start)
      try await stage.commit(
        "d1", "m", (0..<50).map { (start - .seconds(500 - $0 * 10), Double($0)) })
      // Somebody else keeps the feed.
      _ = await stage.subscribe(raw)
      let reader = ReaderID(number: 7, lane: 0)
      stage.outlet.open(reader)
      let hub = stage.hub
      let early = Since.time(start - .seconds(1_000))
      let first = Task {
        await hub.subscribe(self.raw, since: early, request: "1", reader: reader)
      }
      for _ in 0..<Int.random(in: 1...30) { await Task.yield() }
      _ = await hub.unsubscribe(reader, feed: "f1")
      let before = stage.rows(reader).count
      await hub.subscribe(
        raw, since: .time(start - .seconds(95)), request: "2", reader: reader)
      await first.value
      await stage.outlet.settle()
      let rows = stage.rows(reader).dropFirst(before)
      #expect(rows.map { $0[2] } == (41..<50).map { Double($0) } || rows.isEmpty && before > 0)
    }
  }

  @Test("Packs that a device gave up are told to readers that come to the present, too")
  func gaps() async throws {
    let stage = try Stage(at: start)
    try await stage.commit("d1", "m", [(start, 1)])
    let gap = StoredGap(
      device: try DeviceID("d1"), epoch: "e", range: SequenceRange(7), reason: "spool full",
      reported: start + .seconds(1))
    stage.store.add(gap)
    let reader = await stage.subscribe(raw, since: .time(start - .seconds(1)))
    let told = try #require(stage.told(reader).first { $0.method == "gap" }?.content)
    #expect(told["device"]?.string == "d1" && told["packs"]?["from"]?.number == 7)
    let later = await stage.subscribe(
      Subscription(query: SeriesQuery(metrics: [Glob("m")]), resolution: .raw, functions: []),
      since: .time(start + .seconds(2)))
    #expect(!stage.told(later).contains { $0.method == "gap" })
  }

  @Test("A cursor whose commits are not told apart any more is followed by time, and that is told")
  func oldCursor() async throws {
    let stage = try Stage(at: start)
    try await stage.commit("d1", "m", [(start - .seconds(20), 1)])
    let first = await stage.subscribe(raw, since: .time(start - .seconds(60)))
    try await stage.commit("d1", "m", [(start - .seconds(1), 1.5)])
    let cursor = try #require(
      stage.told(first).last { $0.content["cursor"] != nil }?.content["cursor"]?.string)
    await stage.pass(.seconds(5))
    try await stage.commit("d1", "m", [(start + .seconds(4), 2)])
    try await stage.commit("d1", "m", [(start + .seconds(5), 3)])
    stage.store.fold(through: CommitNumber(3))
    let second = await stage.subscribe(
      Subscription(query: SeriesQuery(metrics: [Glob("*")]), resolution: .raw, functions: []),
      since: .cursor(try #require(Cursor(cursor))))
    #expect(stage.rows(second).map { $0[2] } == [2, 3])
    let gap = stage.told(second).first { $0.method == "gap" }?.content
    #expect(gap?["reason"]?.string == "cursor too old")
  }

  @Test("A cursor of commits that a copy of the store has otherwise is known for what it is")
  func otherTimeLine() async throws {
    // The run 5 had commits 1 to 9; the copy that was put back has its first 2, and run 6 went on.
    let runs = StoreRuns([
      .init(tag: 5, first: CommitNumber(1)), .init(tag: 6, first: CommitNumber(3)),
    ])
    #expect(runs.holds(CommitNumber(2), of: 5) && !runs.holds(CommitNumber(3), of: 5))
    #expect(runs.holds(CommitNumber(9), of: 6) && !runs.holds(CommitNumber(1), of: 7))
    #expect(runs.holds(CommitNumber(9), of: nil) && StoreRuns().holds(CommitNumber(9), of: 7))
    let stage = try Stage(at: start, runs: runs)
    for value in [1.0, 2, 3, 4, 5] {
      try await stage.commit("d1", "m", [(start + .seconds(Int(value)), value)])
    }
    func told(_ cursor: Cursor) async -> (gap: Bool, values: [Double]) {
      let reader = await stage.subscribe(raw, since: .cursor(cursor))
      let isTold = stage.told(reader).contains { $0.content["reason"]?.string == "cursor unknown" }
      await stage.hub.remove(reader)
      return (isTold, stage.rows(reader).map { $0[2] })
    }
    var cursor = Cursor(commit: CommitNumber(2), frontier: start + .milliseconds(2_500), run: 5)
    #expect(await told(cursor) == (false, [3, 4, 5]))
    cursor.commit = CommitNumber(4)
    #expect(await told(cursor) == (true, [3, 4, 5]))
    cursor.run = 6
    #expect(await told(cursor) == (false, [5]))
    let reader = await stage.subscribe(raw)
    let text = stage.told(reader).first?.content["cursor"]?.string ?? ""
    #expect(Cursor(text)?.run == 6, "\(text)")
  }

  @Test("A cursor from a future that this store has not had is told, and history goes on by time")
  func unknownCursor() async throws {
    let stage = try Stage(at: start)
    try await stage.commit("d1", "m", [(start, 1)])
    let reader = await stage.subscribe(
      raw, since: .cursor(Cursor(commit: CommitNumber(99), frontier: start)))
    #expect(
      stage.told(reader).contains {
        $0.method == "gap" && $0.content["reason"]?.string == "cursor unknown"
      })
    try await stage.commit("d1", "m", [(start, 2)])
    // The hole ends where the cursor stood.
    #expect(stage.rows(reader).map { $0[2] } == [1, 2])
  }

  @Test(
    "Cursors of other subscriptions are followed as far as they mean anything",
    arguments: ["0-0-0-0", "1-1799999990500000", "0-1799999990500000-1-1", "1-1799999990000000-9"],
    [Resolution.raw, .s1, .s10])
  func otherCursors(_ text: String, _ resolution: Resolution) async throws {
    let stage = try Stage(at: start)
    try await stage.commit("d1", "m", [(start - .milliseconds(9_400), 1)])
    await stage.pass(.seconds(1))
    let reader = await stage.subscribe(
      Subscription(query: SeriesQuery(), resolution: resolution, functions: [.last]),
      since: .cursor(try #require(Cursor(text))))
    #expect(await stage.hub.counts == (feeds: 1, readers: 1))
    try await stage.commit("d1", "m", [(stage.now, 2)])
    await stage.pass(.seconds(20))
    let values = stage.rows(reader).compactMap(\.last)
    // What was committed before is seen where the cursor says that it was: as a reading, or in a window.
    let hasSeen = text.hasPrefix("1-") && (resolution == .raw || text.hasSuffix("-9"))
    #expect(values.last == 2)
    #expect(resolution == .s10 || values.contains(1) == !hasSeen, "\(values)")
  }

  @Test("A cursor of the same at another rate is not told again what waits here")
  func otherRate() async throws {
    let stage = try Stage(at: start)
    let slow = Subscription(query: SeriesQuery(), resolution: .raw, functions: [], maxRate: 0.01)
    let other = await stage.subscribe(slow)
    let first = await stage.subscribe(raw)
    for value in [1.0, 2, 3] {
      try await stage.commit("d1", "m", [(start, value)])
    }
    #expect(stage.rows(other).count == 1)
    let cursor = try #require(
      stage.told(first).last { $0.content["cursor"] != nil }?.content["cursor"]?.string)
    let second = await stage.subscribe(slow, since: .cursor(try #require(Cursor(cursor))))
    try await stage.commit("d1", "m", [(start + .seconds(1), 4)])
    await stage.pass(.seconds(101))
    try await stage.commit("d1", "m", [(stage.now, 5)])
    #expect(stage.rows(second).map { $0[2] } == [4, 5] || stage.rows(second).map { $0[2] } == [4])
    #expect(stage.rows(other).prefix(3).map { $0[2] } == [1, 2, 3])
  }
}
