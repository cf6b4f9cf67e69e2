import AgentCore
import DeviceProtocol
import TelemetryModel
import Testing

@Suite("Link machine: a link's life")
struct LinkMachineTests {
  @Test("Connects at once, says hello when open, and is up when welcomed")
  func opening() throws {
    var link = LinkHarness { $0.labels = ["site": "lab"] }
    let started = link.start()
    #expect(started == [.connect(link.attempt, .compressed)])
    let opened = link.open()
    let hello = try #require(opened.hello)
    #expect(hello.epoch == "epoch" && hello.boot == "boot" && hello.labels == ["site": "lab"])
    #expect(hello.acked.isEmpty && hello.lastLink == nil)
    #expect(hello.clock?.monoSeconds == 100)
    #expect(!link.machine.isUp)
    let welcomed = try link.welcome()
    guard case .report(.up(let welcome))? = welcomed.first else {
      Issue.record("\(welcomed)")
      return
    }
    #expect(welcome.session == "s")
    #expect(link.machine.isUp)
  }

  @Test("Readings wait for the welcome, then the newest go first and new ones before them")
  func backlog() throws {
    var link = LinkHarness()
    for _ in 1...3 { #expect(link.append().isEmpty) }
    _ = link.start()
    _ = link.open()
    #expect(link.append().isEmpty)
    let welcomed = try link.welcome()
    #expect(welcomed.packs == ["backfill 4", "backfill 3", "backfill 2", "backfill 1"])
    let appended = link.append()
    #expect(appended.packs == ["live 5"])
  }

  @Test("What the welcome says is stored is not sent again")
  func resume() throws {
    var link = LinkHarness()
    for _ in 1...5 { _ = link.append() }
    _ = link.start()
    _ = link.open()
    let welcomed = try link.welcome(acked: SequenceRanges(1...3))
    #expect(welcomed.packs == ["backfill 5", "backfill 4"])
  }

  @Test("Packs stay until acknowledged: after a cut they go again")
  func resend() throws {
    var link = LinkHarness()
    try link.bringUp()
    let sent = link.append().packs + link.append().packs
    #expect(sent == ["live 1", "live 2"])
    _ = link.receive(.ack(SequenceRanges(1...1)))
    _ = link.end(.dropped)
    let connected = link.tickAtDeadline()
    #expect(connected.connects == 1)
    let hello = link.open().hello
    #expect(hello?.acked == SequenceRanges(1...1))
    #expect(hello?.lastLink?.cause == "dropped")
    let again = try link.welcome()
    #expect(again.packs == ["backfill 2"])
  }

  @Test("Acknowledgements make room in the window")
  func window() throws {
    var link = LinkHarness()
    try link.bringUp(messages: 2)
    let packs = (1...4).map { _ in link.append().packs }
    #expect(packs == [["live 1"], ["live 2"], [], []])
    let acked = link.receive(.ack(SequenceRanges(1...1)))
    #expect(acked.packs == ["live 3"])
  }

  @Test("A connection that takes no bytes is given none")
  func writability() throws {
    var link = LinkHarness()
    try link.bringUp()
    let stopped = link.machine.writabilityChanged(false, on: link.attempt, at: link.now)
    let silent = link.append()
    #expect(stopped.isEmpty && silent.isEmpty)
    let resumed = link.machine.writabilityChanged(true, on: link.attempt, at: link.now)
    #expect(resumed.packs == ["live 1"])
  }

  @Test("Lost packs are told at once, and again on the next link until acknowledged")
  func gaps() throws {
    var link = LinkHarness(maxPacks: 2)
    for _ in 1...3 { _ = link.append() }
    _ = link.start()
    _ = link.open()
    let first = try link.welcome()
    #expect(first.gaps.map(\.range) == SequenceRanges(1...1).ranges)
    #expect(first.gaps.first?.reason == "spool full")
    let dropping = link.append()
    #expect(dropping.gaps.map(\.from) == [2], "all are on their way, so the oldest goes")
    _ = link.end(.dropped)
    _ = link.tickAtDeadline()
    _ = link.open()
    let second = try link.welcome(acked: SequenceRanges(1...1))
    #expect(second.gaps.map(\.range) == SequenceRanges(2...2).ranges)
    _ = link.receive(.ack(SequenceRanges(2...2)))
    #expect(link.machine.ledger.gaps.isEmpty)
  }

  @Test("Stopping waits for what is on its way, then closes normally")
  func stop() throws {
    var link = LinkHarness()
    try link.bringUp()
    _ = link.append()
    let stopping = link.stop()
    #expect(stopping.isEmpty)
    let acked = link.receive(.ack(SequenceRanges(1...1)))
    #expect(acked.closes == [.normal])
    #expect(acked.last == .finished)
    #expect(link.start().isEmpty, "over for good")
    #expect(link.machine.deadline == .zero || link.machine.deadline == nil)
  }

  @Test("Stopping waits two seconds at most, and not at all without a link")
  func stopWithoutAck() throws {
    var link = LinkHarness()
    try link.bringUp()
    _ = link.append()
    _ = link.stop()
    let before = link.now.monotonic
    let late = link.tickAtDeadline()
    #expect(link.now.monotonic - before == .seconds(2))
    #expect(late.closes == [.normal] && late.last == .finished)
    var waiting = LinkHarness()
    _ = waiting.start()
    _ = waiting.end(.unreachable(.noRoute, detail: "no route"))
    #expect(waiting.stop() == [.finished])
    var dying = LinkHarness()
    try dying.bringUp()
    _ = dying.append()
    _ = dying.stop()
    #expect(dying.end(.dropped).last == .finished)
  }
}

@Suite("Link machine: ends and errors")
struct LinkMachineEndsTests {
  @Test("Without a welcome the connection is given up: soon on a new way, in 10 s on a proven one")
  func noWelcome() throws {
    var link = LinkHarness()
    _ = link.start()
    _ = link.open()
    let before = link.now.monotonic
    let actions = link.tickAtDeadline()
    #expect(link.now.monotonic - before == .milliseconds(2500))
    #expect(actions.closes == [.heartbeatLost])
    _ = link.tickAtDeadline()
    let hello = link.open().hello
    #expect(hello?.lastLink?.cause == "frames-swallowed")
    #expect(hello?.lastLink?.transport == "ws")
    _ = try link.welcome()
    _ = link.end(.dropped)
    _ = link.tickAtDeadline()
    _ = link.open()
    let again = link.now.monotonic
    _ = link.tickAtDeadline()
    #expect(link.now.monotonic - again == .seconds(10))
  }

  @Test("A silent broker is given up within 30 s while readings keep leaving")
  func silentBroker() throws {
    for seed in 0..<50 as Range<UInt64> {
      var link = LinkHarness(seed: seed)
      try link.bringUp()
      let since = link.now.monotonic
      var closed: [CloseReason] = []
      var beats = 0
      while closed.isEmpty {
        link.advance(.seconds(1))
        _ = link.append()
        let actions = link.machine.tick(at: link.now, using: &link.random)
        closed = actions.closes
        beats += actions.heartbeats
      }
      #expect(closed == [.heartbeatLost])
      #expect(beats == 2)
      #expect(link.now.monotonic - since <= .seconds(31), "seed \(seed), in steps of 1 s")
    }
  }

  @Test("Answered heartbeats keep an idle link for hours")
  func idleLink() throws {
    var link = LinkHarness()
    try link.bringUp()
    var beats = 0
    while link.now.monotonic < .seconds(3 * 3600) {
      let actions = link.tickAtDeadline()
      #expect(actions.closes.isEmpty)
      guard actions.heartbeats == 1 else { continue }
      beats += 1
      link.advance(.milliseconds(60))
      _ = try link.replyToHeartbeat()
    }
    #expect((530...620).contains(beats))
  }

  @Test("The broker may shorten the heartbeat, and not lengthen it")
  func brokerInterval() throws {
    var short = LinkHarness()
    _ = short.start()
    _ = short.open()
    _ = try short.welcome(heartbeat: .seconds(5))
    let deadline = try #require(short.machine.deadline)
    #expect(deadline - short.now.monotonic <= .seconds(5))
    var long = LinkHarness()
    _ = long.start()
    _ = long.open()
    _ = try long.welcome(heartbeat: .seconds(200))
    let later = try #require(long.machine.deadline)
    #expect(later - long.now.monotonic <= .seconds(20))
  }

  @Test("A bye before the welcome counts as one behind it, and nothing is said against the way")
  func earlyBye() throws {
    var link = LinkHarness()
    _ = link.start()
    _ = link.open()
    let wait: ClosedRange<Duration> = .seconds(40)...(.seconds(50))
    _ = link.receive(.bye(Bye(reason: "full", reconnectAfter: wait)))
    let ended = link.end(.closed(code: 1013, reason: ""))
    #expect(wait.contains(try #require(ended.retryAfter)))
    guard case .connect(_, let rung)? = link.tickAtDeadline().first else {
      Issue.record("no other attempt")
      return
    }
    #expect(rung == .compressed)
  }

  @Test("What bye says about coming back outranks the backoff")
  func bye() throws {
    var link = LinkHarness()
    try link.bringUp()
    _ = link.receive(.bye(Bye(reason: "restart", reconnectAfter: .seconds(40)...(.seconds(50)))))
    let ended = link.end(.closed(code: 1012, reason: "restarting"))
    let wait = try #require(ended.retryAfter)
    #expect((.seconds(40)...(.seconds(50))).contains(wait))
  }

  @Test(
    "Retry-After is kept with a spread, refusals are retried slowly",
    arguments: [
      (LinkEnding.refused(status: 503, retryAfter: .seconds(30)), 30.0, 36.0),
      (.refused(status: 401, retryAfter: nil), 810, 900),
      (.refused(status: 500, retryAfter: nil), 0, 1),
      (.closed(code: 4501, reason: ""), 810, 900),
      (.closed(code: 4599, reason: ""), 810, 900),
      (.closed(code: 4503, reason: ""), 810, 900),
      (.closed(code: 4005, reason: ""), 0, 1),
      (.closed(code: 1012, reason: ""), 0, 1),
      (.unreachable(.noRoute, detail: "x"), 0, 1), (.timedOut(step: "tcp"), 0, 1), (.dropped, 0, 1),
    ])
  func waits(ending: LinkEnding, low: Double, high: Double) throws {
    for seed in 0..<20 as Range<UInt64> {
      var link = LinkHarness(seed: seed)
      _ = link.start()
      let wait = try #require(link.end(ending).retryAfter)
      #expect(wait >= .seconds(low) && wait <= .seconds(high))
    }
  }

  @Test("Attempts that fail back off; a minute of acknowledged link starts over")
  func backoff() throws {
    var link = LinkHarness()
    _ = link.start()
    var waits: [Duration] = []
    for _ in 0..<12 {
      waits.append(try #require(link.end(.unreachable(.noRoute, detail: "x")).retryAfter))
      _ = link.tickAtDeadline()
    }
    #expect((waits.max() ?? .zero) > .seconds(30))
    _ = link.open()
    _ = try link.welcome()
    link.advance(.seconds(61))
    _ = link.append()
    _ = link.receive(.ack(SequenceRanges(1...1)))
    let wait = try #require(link.end(.dropped).retryAfter)
    #expect(wait <= .seconds(1))
  }

  @Test("Late words of an old connection change nothing")
  func stale() throws {
    var link = LinkHarness()
    try link.bringUp()
    let old = link.attempt
    _ = link.end(.dropped)
    let afterEnd = link.machine.ended(old, .dropped, at: link.now, using: &link.random)
    let ack = link.machine.received(
      .ack(SequenceRanges(1...1)), on: old, at: link.now, using: &link.random)
    #expect(afterEnd.isEmpty && ack.isEmpty)
    _ = link.tickAtDeadline()
    #expect(link.attempt != old)
    let opened = link.machine.opened(old, at: link.now)
    #expect(opened.isEmpty)
  }

  @Test("Malformed messages and refused hellos end the link with 4006", arguments: [true, false])
  func malformed(isUp: Bool) throws {
    var link = LinkHarness()
    _ = link.start()
    _ = link.open()
    if isUp { _ = try link.welcome() }
    let bytes = Array("{\"jsonrpc\":\"2.0\",\"method\":\"ack\",\"params\":{\"acked\":7.5}}".utf8)
    do throws(ProtocolError) {
      _ = try BrokerMessage.decode(bytes.span)
      Issue.record("decoded")
    } catch {
      let actions = link.machine.receivedMalformed(
        error, on: link.attempt, at: link.now, using: &link.random)
      #expect(actions.closes == [.protocolError])
      #expect(actions.retryAfter != nil)
    }
    var refused = LinkHarness()
    _ = refused.start()
    _ = refused.open()
    let actions = refused.receive(.error(id: "1", RPCError(.unauthenticated, "no")))
    #expect(actions.first == .report(.refused(RPCError(.unauthenticated, "no"))))
    #expect(actions.closes == [.protocolError])
  }

  @Test("Commands are rejected in words, unknown requests with -32601, the rest is ignored")
  func requests() throws {
    var link = LinkHarness()
    try link.bringUp()
    let command = CommandRequest(
      command: "c", name: "reboot", params: JSONObject(), expires: link.now.wall, attempt: 1)
    let rejected = link.receive(.command(id: "a", command))
    guard case .send(.response(id: "a", .result(let result)), on: link.attempt)? = rejected.first
    else {
      Issue.record("\(rejected)")
      return
    }
    #expect(try CommandState(json: result).state == .rejected)
    let unknown = link.receive(.unknownRequest(id: "b", method: "dance"))
    #expect(
      unknown == [.send(.response(id: "b", .error(.unknownMethod("dance"))), on: link.attempt)])
    #expect(link.receive(.ignored(method: "news")) == [.report(.ignored("news"))])
  }

  @Test("A link that was cut after silence is called so, one in use is not")
  func causes() throws {
    for (silence, cause) in [(12, "idle-cut"), (1, "dropped")] {
      var link = LinkHarness()
      try link.bringUp()
      link.advance(.seconds(silence))
      guard case .report(.down(let end, _, _))? = link.end(.dropped).first else {
        Issue.record("no report")
        return
      }
      #expect(end.cause == cause)
      #expect(end.idleSeconds == Double(silence) && end.livedSeconds == Double(silence))
    }
    #expect(LinkEnding.closed(code: 4503, reason: "").cause() == "replaced")
    #expect(LinkEnding.closed(code: 4999, reason: "").cause() == "closed-4999")
    #expect(LinkEnding.refused(status: 407, retryAfter: nil).cause() == "refused-407")
  }
}
