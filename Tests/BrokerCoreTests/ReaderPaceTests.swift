import TelemetryModel
import Testing

@testable import BrokerCore

@Suite("Slow readers")
struct ReaderPaceTests {
  private let feed = FeedID(1)

  private func span(_ from: Int, _ to: Int) -> LiveMessage.Span {
    .init(from: Timestamp(microseconds: Int64(from)), to: Timestamp(microseconds: Int64(to)))
  }

  @Test("The only message that was left out is sent late, and nothing is missing")
  func onlyOne() {
    var pace = ReaderPace()
    pace.miss(span(10, 20), amends: false, of: feed)
    #expect(pace.isBehind(feed))
    #expect(pace.next() == .goOn(feed, gap: nil, newest: true))
    #expect(pace.next() == nil && pace.isEmpty)
  }

  @Test("Of many that were left out the newest is sent, and the span of the others is told")
  func newest() {
    var pace = ReaderPace()
    for start in stride(from: 10, to: 60, by: 10) {
      pace.miss(span(start, start + 10), amends: false, of: feed)
    }
    #expect(pace.next() == .goOn(feed, gap: span(10, 50), newest: true))
    #expect(!pace.isBehind(feed))
  }

  @Test("Windows that late data changed and that were left out are told, not sent as the newest")
  func amended() {
    var pace = ReaderPace()
    pace.miss(span(1, 2), amends: true, of: feed)
    #expect(pace.next() == .goOn(feed, gap: span(1, 2), newest: false))
    pace.miss(span(10, 20), amends: false, of: feed)
    pace.miss(span(4, 5), amends: true, of: feed)
    #expect(pace.next() == .goOn(feed, gap: span(4, 5), newest: true))
  }

  @Test("What is known of a reader does not grow with what it misses")
  func bounded() {
    var pace = ReaderPace()
    for start in 0..<100_000 { pace.miss(span(start, start + 1), amends: false, of: feed) }
    var actions = 0
    while pace.next() != nil { actions += 1 }
    #expect(actions == 1)
  }

  @Test("The feed that is furthest behind comes first, then devices, then history")
  func order() throws {
    var pace = ReaderPace()
    let device = try DeviceID("d")
    pace.want(FeedID(3))
    pace.want(FeedID(3))
    pace.miss([device])
    pace.miss(span(20, 30), amends: false, of: FeedID(2))
    pace.miss(span(10, 20), amends: false, of: feed)
    #expect(pace.next() == .goOn(feed, gap: nil, newest: true))
    #expect(pace.next() == .goOn(FeedID(2), gap: nil, newest: true))
    #expect(pace.next() == .tell([device]))
    pace.fetched()
    #expect(pace.next() == .step(FeedID(3)))
    pace.fetched()
    #expect(pace.next() == nil)
  }

  @Test("However much a reader asks for, one thing at a time is fetched for it")
  func oneAtATime() throws {
    var pace = ReaderPace()
    let wanted = Subscription(
      query: SeriesQuery(devices: nil, metrics: nil, labels: [:]), resolution: .s1,
      functions: [.last])
    var asked = 0
    while pace.ask(.subscribe("\(asked)", wanted, .now)) { asked += 1 }
    #expect(asked == ReaderPace.maxRequests)
    pace.want(feed)
    for request in 0..<asked {
      #expect(pace.next() == .answer(.subscribe("\(request)", wanted, .now)))
      #expect(pace.next() == nil)
      // What its feeds say goes on all the same.
      pace.miss(span(1, 2), amends: false, of: feed)
      #expect(pace.next() == .goOn(feed, gap: nil, newest: true))
      #expect(pace.next() == nil && !pace.isEmpty)
      pace.fetched()
    }
    #expect(pace.next() == .step(feed))
    #expect(pace.next() == nil && pace.isEmpty)
  }

  @Test("A reader that was left something out is not told that it has seen everything")
  func place() {
    var pace = ReaderPace()
    let rows = HistoryRow(series: SeriesID(1), time: Timestamp(microseconds: 5), values: [1])
    let after = Cursor(commit: CommitNumber(2), frontier: Timestamp(microseconds: 20))
    let update = LiveEncoding.updates(
      feed, rows: [rows], perMessage: 10, length: .seconds(1), before: after, after: after,
      amends: false)[0]
    let place = LiveEncoding.place(feed, after)
    let series = LiveEncoding.series(feed, [])
    // What it cannot take is left out, and its place with it.
    #expect(pace.takes(place, of: feed, isReady: true) == true)
    #expect(pace.takes(place, of: feed, isReady: false) == false)
    #expect(pace.takes(update, of: feed, isReady: false) == false)
    #expect(pace.takes(place, of: feed, isReady: true) == false)
    // What rows mean is told in any case.
    #expect(pace.takes(series, of: feed, isReady: false) == true)
    #expect(pace.next() == .goOn(feed, gap: nil, newest: true))
    #expect(pace.takes(place, of: feed, isReady: true) == true)
    #expect(pace.takes(update, of: feed, isReady: true) == true)
  }

  @Test("A reader that has left a feed is told nothing of it")
  func left() {
    var pace = ReaderPace()
    pace.miss(span(1, 2), amends: false, of: feed)
    pace.want(feed)
    pace.leave(feed)
    #expect(pace.next() == nil)
  }

  @Test("Devices are told some at a time, each once")
  func devices() throws {
    var pace = ReaderPace()
    let devices = try (0..<250).map { try DeviceID("d\($0)") }
    pace.miss(devices)
    pace.miss(devices)
    var told: [DeviceID] = []
    while case .tell(let some) = pace.next() {
      #expect(some.count <= 100)
      told += some
      pace.fetched()
    }
    #expect(told.count == 250 && Set(told) == Set(devices))
  }

  @Test("Commands whose news were missed are told once each, after devices, the oldest first")
  func commands() throws {
    var pace = ReaderPace()
    let device = try DeviceID("d")
    var fits = true
    for _ in 0..<3 {
      for number in 0..<150 { fits = pace.miss(command: "c\(1_000 + number)") && fits }
    }
    pace.miss([device])
    pace.want(feed)
    #expect(fits && !pace.isEmpty)
    #expect(pace.next() == .tell([device]))
    pace.fetched()
    var told: [String] = []
    while let action = pace.next(), case .tellCommands(let some) = action {
      #expect(some.count <= 100)
      told += some
      pace.fetched()
    }
    #expect(told == (0..<150).map { "c\(1_000 + $0)" })
    #expect(pace.isEmpty)
  }

  @Test("A reader that misses news of too many commands is given up, as none may be forgotten")
  func tooManyCommands() {
    var pace = ReaderPace()
    for number in 0..<ReaderPace.mostCommands {
      let fits = pace.miss(command: "\(number)")
      #expect(fits)
    }
    let again = pace.miss(command: "7")
    let oneMore = pace.miss(command: "one more")
    #expect(again && !oneMore)
  }

  @Test("Only a reader that takes nothing at all loses patience")
  func patience() {
    var patience = ReaderPatience()
    #expect(patience.isOver(taken: 0) == false)
    patience.begin(taken: 100)
    #expect(patience.isOver(taken: 101) == false)
    #expect(patience.isOver(taken: 102) == false)
    #expect(patience.isOver(taken: 102) == true)
    patience.end()
    #expect(patience.isOver(taken: 102) == false)
  }
}
