import AgentCore
import DeviceProtocol
import TelemetryModel
import Testing

@Suite("Link machine: learning the path")
struct LinkProbingTests {
  private let key = PathKey(interface: "eth0", gateway: "192.0.2.1", broker: "broker:80")

  private func probing(_ seed: UInt64 = 1) throws -> LinkHarness {
    var link = LinkHarness(seed: seed) { $0.trials.probeInterval = .seconds(86_400) }
    try link.bringUp()
    return link
  }

  /// Goes on, heartbeats answered, until something connects.
  private func untilSpare(_ link: inout LinkHarness) throws -> LinkAttempt {
    while true {
      let actions = link.tickAtDeadline()
      for case .connect(let attempt, _) in actions {
        link.attempt = link.machine.attempt
        return attempt
      }
      if actions.heartbeats > 0 { _ = try link.replyToHeartbeat() }
    }
  }

  /// Answers the link's own heartbeats up to the moment.
  private func keepAlive(_ link: inout LinkHarness, until moment: Duration) throws -> [LinkAction] {
    var all: [LinkAction] = []
    while let deadline = link.machine.deadline, deadline <= moment {
      let actions = link.tickAtDeadline()
      all += actions
      for case .send(.heartbeat(let id, _), let attempt) in actions
      where attempt == link.machine.attempt {
        all += link.receive(
          try link.wire(.heartbeatReply(id: id, monoSeconds: 0, nowSeconds: link.now.wall.seconds)),
          on: attempt)
      }
    }
    if moment > link.now.monotonic { link.advance(moment - link.now.monotonic) }
    return all
  }

  @Test("A spare link says probe, is silent for twice what is safe, then says heartbeat")
  func probe() throws {
    for seed in 0..<4 as Range<UInt64> {
      var link = try probing(seed)
      let from = link.now.monotonic
      let spare = try untilSpare(&link)
      let wait = link.now.monotonic - from
      #expect(wait >= .seconds(8640) && wait <= .seconds(8640 * 1.5 + 1))
      let opened = link.open(spare)
      guard case .send(.probe(let id, let silence), spare)? = opened.first else {
        Issue.record("\(opened)")
        return
      }
      #expect(silence > 35 && silence <= 40, "twice the longest own silence survived")
      _ = link.receive(.response(id: id, .object(JSONObject())), on: spare)
      let until = link.now.monotonic + .seconds(silence)
      let planned = link.machine.record.nextProbe(PathRecord.Policy())
      let during = try keepAlive(&link, until: until - .milliseconds(1))
      #expect(!during.contains { if case .send(_, spare) = $0 { true } else { false } })
      let echo = try keepAlive(&link, until: until + .milliseconds(1))
      let beat = echo.compactMap { action -> String? in
        if case .send(.heartbeat(let id, _), spare) = action { id } else { nil }
      }
      try #require(beat.count == 1)
      let done = link.receive(
        try link.wire(.heartbeatReply(id: beat[0], monoSeconds: 0, nowSeconds: 1)), on: spare)
      #expect(done.contains(.close(spare, .normal, detail: "")))
      let tried = try #require(planned)
      #expect(done.contains(.report(.probed(silence: tried, survived: true))))
      #expect(link.machine.record.safe == tried)
      let next = try untilSpare(&link)
      #expect(next != spare && link.now.monotonic - until >= .seconds(86_399))
    }
  }

  @Test("A spare link that dies twice makes a limit, the second try comes soon")
  func cut() throws {
    var link = try probing()
    for round in 1...2 {
      let before = link.now.monotonic
      let spare = try untilSpare(&link)
      if round == 2 { #expect(link.now.monotonic - before < .seconds(1500)) }
      guard case .send(.probe(let id, _), _)? = link.open(spare).first else { return }
      _ = link.receive(.response(id: id, .object(JSONObject())), on: spare)
      link.advance(.seconds(10))
      let ended = link.end(.reset, on: spare)
      #expect(ended.retryAfter == nil && link.machine.isUp)
      #expect((link.machine.record.fail == nil) == (round == 1))
    }
  }

  @Test("What a spare link shows holds for the present link at once")
  func presentLink() throws {
    var link = try probing()
    for _ in 1...2 {
      let spare = try untilSpare(&link)
      guard case .send(.probe(let id, _), _)? = link.open(spare).first else { return }
      _ = link.receive(.response(id: id, .object(JSONObject())), on: spare)
      link.advance(.seconds(5))
      _ = link.end(.reset, on: spare)
    }
    let allowed = link.machine.record.interval(PathRecord.Policy())
    #expect(allowed < .seconds(16))
    for _ in 0..<10 {
      var actions = link.tickAtDeadline()
      while actions.heartbeats == 0 { actions = link.tickAtDeadline() }
      let beat = link.now.monotonic
      _ = try link.replyToHeartbeat()
      while true {
        actions = link.tickAtDeadline()
        if actions.heartbeats > 0 { break }
      }
      #expect(link.now.monotonic - beat <= allowed)
      _ = try link.replyToHeartbeat()
    }
  }

  @Test("A spare link beside a link that dies shows nothing")
  func bothDie() throws {
    var link = try probing()
    let spare = try untilSpare(&link)
    guard case .send(.probe(let id, _), _)? = link.open(spare).first else { return }
    _ = link.receive(.response(id: id, .object(JSONObject())), on: spare)
    let before = link.machine.record
    let ended = link.end(.dropped, on: link.machine.attempt)
    #expect(ended.contains(.close(spare, .normal, detail: "")))
    #expect(link.machine.record == before)
  }

  @Test("A broker that does not know probe is not asked again")
  func unsupported() throws {
    var link = try probing()
    let spare = try untilSpare(&link)
    guard case .send(.probe(let id, _), _)? = link.open(spare).first else { return }
    _ = link.receive(.error(id: id, .unknownMethod("probe")), on: spare)
    let day = link.now.monotonic + .seconds(3 * 86_400)
    let actions = try keepAlive(&link, until: day)
    #expect(actions.connects == 0)
  }

  @Test("Two idle cuts shorten the interval on the next link, and the memory is kept")
  func idleCuts() throws {
    var link = LinkHarness()
    try link.bringUp()
    for round in 1...2 {
      link.advance(.seconds(5))
      let ended = link.end(.dropped)
      guard case .report(.down(let end, _, _))? = ended.first else { return }
      #expect(end.cause == "idle-cut" && end.idleSeconds == 5)
      _ = link.tickAtDeadline()
      _ = link.open()
      let welcomed = try link.welcome()
      if round == 2 {
        let learnt = welcomed.contains { if case .report(.learnt) = $0 { true } else { false } }
        #expect(learnt)
      }
    }
    #expect(link.machine.record.fail == .seconds(5))
    let deadline = try #require(link.machine.deadline)
    #expect(deadline - link.now.monotonic < .seconds(2))
    #expect(link.machine.stop(at: link.now).last == .finished)
    _ = link.end(.dropped)
    #expect(
      link.kept?.paths[key].fail == .seconds(5)
        || link.machine.memory.paths[key].fail == .seconds(5))
  }

  @Test("Cuts behind which the network is down teach nothing")
  func outage() throws {
    var link = LinkHarness()
    try link.bringUp()
    for _ in 1...4 {
      link.advance(.seconds(15))
      _ = link.end(.dropped)
      _ = link.tickAtDeadline()
      _ = link.end(.unreachable(.noRoute, detail: ""))
      _ = link.tickAtDeadline()
      _ = link.open()
      _ = try link.welcome()
    }
    #expect(link.machine.record.fail == nil)
  }

  @Test("A silent cut is found by the heartbeat behind it; the limit is the silence before it")
  func silentCut() throws {
    // The path forgets after 12 s: the heartbeat that follows a longer silence goes nowhere.
    var link = LinkHarness()
    try link.bringUp()
    var drops = 0
    var isForgotten = false
    var lastTraffic = link.now.monotonic
    while link.now.monotonic < .seconds(3600) {
      let actions = link.tickAtDeadline()
      if actions.connects > 0 {
        drops += 1
        isForgotten = false
        _ = link.open()
        _ = try link.welcome()
        lastTraffic = link.now.monotonic
      }
      guard actions.heartbeats > 0 else { continue }
      isForgotten = isForgotten || link.now.monotonic - lastTraffic > .seconds(12)
      lastTraffic = link.now.monotonic
      if !isForgotten { _ = try link.replyToHeartbeat() }
    }
    #expect(drops <= 4, "\(drops) drops until learnt")
    #expect(link.machine.record.interval(PathRecord.Policy()) < .seconds(12))
  }

  @Test("Every end says its cause, and the next hello tells it")
  func causes() throws {
    let causes: [(LinkEnding, String)] = [
      (.reset, "reset"), (.dropped, "dropped"), (.transportFailed("errno 110"), "transport-failed"),
      (.closed(code: 1012, reason: ""), "service-restart"),
      (.closed(code: 4999, reason: ""), "closed-4999"),
    ]
    for (ending, cause) in causes {
      var link = LinkHarness()
      try link.bringUp()
      _ = link.end(ending)
      _ = link.tickAtDeadline()
      let hello = link.open().hello
      #expect(hello?.lastLink?.cause == cause)
      #expect(hello?.path?.network == "ethernet 192.0.2.1")
      #expect(hello?.path?.intervalSeconds == 20)
    }
    for obstacle in LinkEnding.Obstacle.allCases {
      #expect(LinkEnding.unreachable(obstacle, detail: "").cause() == obstacle.rawValue)
    }
  }
}
