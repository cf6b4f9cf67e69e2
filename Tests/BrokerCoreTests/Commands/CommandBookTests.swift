import BrokerCore
import DeviceProtocol
import Synchronization
import TelemetryModel
import TestValues
import Testing

@Suite("Commands and their queues")
struct CommandBookTests {
  private let start = CommandLifeTests.start
  private let pump: DeviceID
  private let other: DeviceID
  private let blink = CommandDeclaration(
    name: "blink", params: [.init(name: "times", kind: .integer, defaultValue: 1)])

  init() throws {
    pump = try DeviceID("pump")
    other = try DeviceID("other")
  }

  private func at(_ seconds: Double) -> Timestamp { start + .fromSeconds(seconds) }

  private func book(_ contents: CommandContents = CommandContents()) -> CommandBook {
    let count = Mutex(0)
    return CommandBook(contents, policy: CommandLife.Policy()) {
      count.withLock {
        $0 += 1
        return "r\($0)"
      }
    }
  }

  private func profile(atOnce: Int = 1) -> ProfileSummary {
    ProfileSummary(name: "p", version: "1", commands: [blink], commandsAtOnce: atOnce)
  }

  private func order(_ id: String, ttl: Double = 60) throws -> CommandOrder {
    try CommandLifeTests.order(id, ttl: ttl)
  }

  @Test("Kept before it is sent; sent in order, one after another")
  func inOrder() throws {
    var book = book()
    _ = book.linkOpened(pump, profile: profile(), now: at(0))
    let first = book.order(try order("a"), now: at(1))
    #expect(first.sent.map(\.command) == ["a"])
    #expect(first.sent.first?.remainingSeconds == 59)
    #expect(first.sent.first?.attempt == 1)
    let kept = try #require(first.firstIndex { if case .write = $0 { true } else { false } })
    let sent = try #require(first.firstIndex { if case .send = $0 { true } else { false } })
    #expect(kept < sent)
    #expect(book.order(try order("b"), now: at(2)).sent.isEmpty)
    #expect(book.order(try order("c"), now: at(2)).sent.isEmpty)
    let nextActions = book.answered(
      "r1", .result(CommandState(state: .finished, outcome: .succeeded).json), from: pump,
      now: at(3))
    let next = try #require(nextActions)
    #expect(next.sent.map(\.command) == ["b"])
    #expect(next.states == [.succeeded, .sent])
  }

  @Test("Several at a time where the profile allows")
  func several() throws {
    var book = book()
    _ = book.linkOpened(pump, profile: profile(atOnce: 2), now: at(0))
    var sent: [String] = []
    for id in ["a", "b", "c"] { sent += book.order(try order(id), now: at(1)).sent.map(\.command) }
    #expect(sent == ["a", "b"])
  }

  @Test("A stuck one makes room at its own deadline, and what was behind it goes")
  func stuck() throws {
    var book = book()
    _ = book.linkOpened(pump, profile: profile(), now: at(0))
    _ = book.order(try order("a", ttl: 60), now: at(0))
    _ = book.order(try order("b", ttl: 3600), now: at(0))
    #expect(book.deadline == at(60))
    #expect(book.tick(now: at(89.9)).isEmpty)
    let actions = book.tick(now: at(90))
    #expect(actions.states == [.unknown, .sent])
    #expect(actions.sent.map(\.command) == ["b"])
  }

  @Test("For an absent device it waits, and is sent when it comes, with the time that is left")
  func absent() throws {
    var book = book()
    _ = book.linkOpened(pump, profile: profile(), now: at(0))
    book.linkClosed(pump)
    #expect(book.order(try order("a"), now: at(0)).sent.isEmpty)
    #expect(book.order(try order("b", ttl: 5), now: at(0)).sent.isEmpty)
    #expect(book.tick(now: at(5)).states == [.expired])
    let back = book.linkOpened(pump, profile: profile(), now: at(20))
    #expect(back.sent.map(\.command) == ["a"])
    #expect(back.sent.first?.remainingSeconds == 40)
  }

  @Test("After a new link, and after a restart, it is sent again as attempt 2")
  func again() throws {
    var book = book()
    _ = book.linkOpened(pump, profile: profile(), now: at(0))
    _ = book.order(try order("a"), now: at(0))
    let before = try #require(book["a"])
    book.linkClosed(pump)
    let back = book.linkOpened(pump, profile: profile(), now: at(70))
    #expect(back.sent.map(\.attempt) == [2])
    #expect(back.sent.first?.remainingSeconds == 0, "past its time: to learn what became of it")
    let old = book.answered(
      "r1", .result(CommandState(state: .running).json), from: pump, now: at(71))
    #expect(old == nil, "the old link's answer is not awaited any more")

    let abilities = DeviceAbilities(profile())
    var restarted = self.book(
      CommandContents(commands: [before], profiles: [pump: abilities]))
    #expect(restarted.abilities(of: pump) == abilities)
    let actions = restarted.linkOpened(pump, profile: nil, now: at(10))
    #expect(actions.sent.map(\.attempt) == [2])
    #expect(actions.sent.map(\.command) == ["a"])
  }

  @Test("Another device's word and another's answer change nothing")
  func foreign() throws {
    var book = book()
    _ = book.linkOpened(pump, profile: profile(), now: at(0))
    _ = book.order(try order("a"), now: at(0))
    let report = CommandFinished(command: "a", outcome: .succeeded)
    guard case .refused(let error) = book.finished(report, from: other, now: at(1)) else {
      Issue.record("believed")
      return
    }
    #expect(error.data?.code == "notYourDevice")
    let answer = book.answered(
      "r1", .result(CommandState(state: .finished, outcome: .succeeded).json), from: other,
      now: at(1))
    #expect(answer == nil)
    let news = book.progressed(
      CommandProgress(command: "a", percent: 5), from: other, now: at(1))
    #expect(news == nil)
    #expect(book["a"]?.status.state == .sent)
    guard
      case .notHere = book.finished(
        CommandFinished(command: "x", outcome: .failed), from: pump, now: at(1))
    else {
      Issue.record("found")
      return
    }
  }

  @Test("After an answer that makes no sense nobody knows")
  func nonsense() throws {
    var book = book()
    _ = book.linkOpened(pump, profile: profile(), now: at(0))
    _ = book.order(try order("a"), now: at(0))
    let actionsActions = book.answered("r1", .result(["state": "dancing"]), from: pump, now: at(1))
    let actions = try #require(actionsActions)
    #expect(actions.states == [.unknown])
  }

  @Test("Cancelled while the device is away, it is not sent again but asked to be stopped")
  func cancelledAway() throws {
    var book = book()
    _ = book.linkOpened(pump, profile: profile(), now: at(0))
    _ = book.order(try order("a"), now: at(0))
    book.linkClosed(pump)
    guard case .done(let actions) = book.cancel("a", by: "bob", now: at(1)) else {
      Issue.record("not done")
      return
    }
    #expect(actions.cancels.isEmpty)
    let back = book.linkOpened(pump, profile: profile(), now: at(2))
    #expect(back.sent.isEmpty)
    #expect(back.cancels == ["a"])
    let endedActions = book.answered(
      "r2", .error(RPCError(.notFound, "no")), from: pump, now: at(3))
    let ended = try #require(endedActions)
    #expect(ended.states == [.cancelled])
    #expect(book.count == 0)
  }

  @Test("What does not fit the profile that came meanwhile is rejected before it is sent")
  func changedProfile() throws {
    var book = book()
    _ = book.order(try order("a"), now: at(0))
    _ = book.order(try order("b"), now: at(0))
    let other = ProfileSummary(
      name: "p", version: "2",
      commands: [
        .init(name: "blink", params: [.init(name: "colour", kind: .string)])
      ])
    let actions = book.linkOpened(pump, profile: other, now: at(1))
    #expect(actions.sent.isEmpty)
    #expect(actions.states == [.rejected, .rejected])
    #expect(book.count == 0)
  }

  @Test("What waits for a forgotten device is not sent to who comes under its name")
  func forgotten() throws {
    var book = book()
    _ = book.linkOpened(pump, profile: profile(), now: at(0))
    book.linkClosed(pump)
    _ = book.order(try order("a"), now: at(0))
    #expect(book.forgotten(pump, now: at(1)).states == [.rejected])
    #expect(book.abilities(of: pump) == nil)
    #expect(book.linkOpened(pump, profile: profile(), now: at(2)).sent.isEmpty)
  }

  @Test(
    "Whatever happens, in whatever order, nothing is left past its time and the bound",
    arguments: 1...40)
  func bounded(seed: UInt64) throws {
    var random = Seeded(seed)
    var book = book()
    var now = 0.0
    var asked: [String] = []
    var states: [String: [CommandPhase]] = [:]
    var limit = 0.0
    func note(_ actions: [CommandBook.Action]) {
      for action in actions {
        switch action {
        case .send(_, .command(let id, _)): asked.append(id)
        case .changed(let id, let command, _): states[id, default: []].append(command.status.state)
        default: break
        }
      }
    }
    for step in 0..<200 {
      now += Double.random(in: 0...3, using: &random)
      switch Int.random(in: 0..<8, using: &random) {
      case 0: note(book.linkOpened(pump, profile: profile(atOnce: 2), now: at(now)))
      case 1: book.linkClosed(pump)
      case 2, 3:
        let ttl = Double.random(in: 1...60, using: &random)
        var order = try order("c\(step)", ttl: now + ttl)
        order.created = at(now)
        limit = max(limit, now + ttl)
        note(book.order(order, now: at(now)))
      case 4:
        if let id = states.keys.sorted().randomElement(using: &random),
          case .done(let actions) = book.cancel(id, by: "x", now: at(now))
        {
          note(actions)
        }
      case 5:
        let phase = CommandState.Phase.allCases.randomElement(using: &random) ?? .accepted
        if let id = asked.randomElement(using: &random) {
          note(
            book.answered(
              id, .result(CommandState(state: phase, outcome: .failed).json), from: pump,
              now: at(now)) ?? [])
        }
      case 6:
        if let id = states.keys.sorted().randomElement(using: &random),
          case .news(let actions) = book.finished(
            CommandFinished(command: id, outcome: .succeeded), from: pump, now: at(now))
        {
          note(actions)
        }
      default: note(book.tick(now: at(now)))
      }
    }
    // Its own limit to run, and the grace.
    let end = at(limit + 10 + 30)
    while let deadline = book.deadline, deadline <= end { note(book.tick(now: deadline)) }
    #expect(book.count == 0)
    for (id, states) in states {
      #expect(states.last?.isFinal == true, "\(id): \(states)")
      #expect(states.dropLast().allSatisfy { !$0.isFinal }, "\(id): \(states)")
    }
  }
}

extension [CommandBook.Action] {
  /// The commands that are sent.
  var sent: [CommandRequest] {
    compactMap { if case .send(_, .command(_, let request)) = $0 { request } else { nil } }
  }

  /// The commands that a device is asked to stop.
  var cancels: [String] {
    compactMap { if case .send(_, .cancelCommand(_, let id)) = $0 { id } else { nil } }
  }

  /// The states that commands come into.
  var states: [CommandPhase] {
    compactMap { action in
      if case .changed(_, _, let event) = action, case .state(let state) = event.kind {
        state
      } else {
        nil
      }
    }
  }
}
