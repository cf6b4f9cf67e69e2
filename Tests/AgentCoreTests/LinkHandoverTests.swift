import AgentCore
import DeviceProtocol
import TelemetryModel
import Testing

@Suite("Link machine: make before break")
struct LinkHandoverTests {
  private static let key = PathKey(interface: "eth0", gateway: "192.0.2.1", broker: "broker:80")

  private func memory(life: Duration) -> AgentMemory {
    var record = PathRecord()
    for _ in 0..<2 {
      record.cut(silence: .zero, age: life, interval: .seconds(20), at: nil, .init())
    }
    var memory = AgentMemory()
    memory.paths[Self.key] = record
    return memory
  }

  /// A link with a known lifetime of 100 s at the moment its successor connects.
  private func atHandover(seed: UInt64 = 1) throws -> (LinkHarness, old: LinkAttempt) {
    var link = LinkHarness(seed: seed, memory: memory(life: .seconds(100)))
    try link.bringUp()
    let old = link.attempt
    while link.attempt == old {
      let actions = link.tickAtDeadline()
      if actions.heartbeats > 0 { _ = try link.replyToHeartbeat() }
      #expect(link.now.monotonic < .seconds(200))
    }
    return (link, old)
  }

  @Test("With a known lifetime the link is handed over at 80 to 90 % of it")
  func moment() throws {
    for seed in 0..<30 as Range<UInt64> {
      let (link, _) = try atHandover(seed: seed)
      #expect((.seconds(180)...(.seconds(190))).contains(link.now.monotonic))
      #expect(link.machine.isUp)
    }
  }

  @Test("On a path on which a link takes long to come about, the handover begins earlier")
  func slowPath() throws {
    var link = LinkHarness(memory: memory(life: .seconds(60)))
    _ = link.start()
    link.advance(.seconds(4))
    _ = link.open()
    link.advance(.seconds(4))
    _ = try link.welcome()
    let old = link.attempt
    while link.attempt == old {
      if link.tickAtDeadline().heartbeats > 0 { _ = try link.replyToHeartbeat() }
      #expect(link.now.monotonic < .seconds(200))
    }
    #expect(link.now.monotonic - .seconds(100) <= .seconds(60 - 2 * 8))
  }

  @Test("The successor's hello names the session; writes move when it is welcomed, not before")
  func writesMove() throws {
    var (link, old) = try atHandover()
    let hello = link.open().hello
    #expect(hello?.resume == "s" && hello?.lastLink == nil)
    let before = link.append()
    #expect(before == [.sendPack(sequence: 1, lane: .live, pack: Array("[]".utf8), on: old)])
    let welcomed = try link.welcome()
    #expect(welcomed.closes.isEmpty, "one pack is on its way over the old link")
    #expect(link.machine.attempt == link.attempt)
    let after = link.append()
    #expect(
      after == [.sendPack(sequence: 2, lane: .live, pack: Array("[]".utf8), on: link.attempt)])
    let acked = link.receive(.ack(SequenceRanges(1...1)), on: old)
    #expect(acked == [.close(old, .normal, detail: "taken over from")])
    #expect(link.machine.ledger.stored == SequenceRanges(2...2))
  }

  @Test("A successor that the broker has no room for comes back when it was told to, not earlier")
  func successorToldToWait() throws {
    let wait: ClosedRange<Duration> = .seconds(6)...(.seconds(7))
    for isBye in [true, false] {
      var (link, old) = try atHandover()
      let since = link.now.monotonic
      let refused = link.attempt
      if isBye {
        _ = link.open()
        _ = link.receive(.bye(Bye(reason: "full", reconnectAfter: wait)))
        _ = link.end(.closed(code: 1013, reason: ""))
      } else {
        _ = link.end(.refused(status: 503, retryAfter: .seconds(6)))
      }
      #expect(link.machine.isUp && link.machine.attempt == old)
      while link.attempt == refused {
        if link.tickAtDeadline().heartbeats > 0 { _ = try link.replyToHeartbeat() }
      }
      #expect(link.now.monotonic - since >= .seconds(6))
    }
  }

  @Test("Acks of the old link's packs may come over the new one")
  func acksOverNew() throws {
    var (link, old) = try atHandover()
    _ = link.append()
    _ = link.open()
    _ = try link.welcome()
    _ = link.receive(.ack(SequenceRanges(1...1)))
    _ = old
    #expect(link.machine.ledger.stored.isEmpty)
    let closed = link.tickAtDeadline()
    #expect(closed.closes.isEmpty || closed.closes == [.normal])
  }

  @Test("A handover that is due while the last one is not over wakes nobody before it can begin")
  func dueWhileRetiring() throws {
    var link = LinkHarness(memory: memory(life: .seconds(5)))
    try link.bringUp()
    let old = link.attempt
    for _ in 0..<20 where link.attempt == old { _ = link.tickAtDeadline() }
    _ = link.append()
    _ = link.open()
    _ = try link.welcome()
    let since = link.now.monotonic
    var wakes = 0
    while link.now.monotonic < since + .seconds(5), wakes < 100 {
      _ = link.tickAtDeadline()
      wakes += 1
    }
    #expect(wakes < 20, "the shell would use up a core")
  }

  @Test("After 5 s the old link is closed; what it got no ack for goes again over the new")
  func retirement() throws {
    var (link, old) = try atHandover()
    _ = link.append()
    _ = link.open()
    _ = try link.welcome()
    let since = link.now.monotonic
    var actions: [LinkAction] = []
    while actions.closes.isEmpty {
      actions = link.tickAtDeadline()
      if actions.heartbeats > 0 { _ = try link.replyToHeartbeat() }
    }
    #expect(link.now.monotonic - since == .seconds(5))
    #expect(actions.contains(.close(old, .normal, detail: "taken over from")))
    #expect(actions.packs == ["live 1"])
  }

  @Test("An old link that dies within the 5 s costs nothing")
  func oldDies() throws {
    var (link, old) = try atHandover()
    _ = link.append()
    _ = link.open()
    _ = try link.welcome()
    let actions = link.end(.reset, on: old)
    #expect(actions.packs == ["live 1"])
    #expect(actions.retryAfter == nil && link.machine.isUp)
  }

  @Test("A successor that fails leaves the link alone and is tried again before the cut")
  func successorFails() throws {
    var (link, old) = try atHandover()
    let failed = link.end(.refused(status: 503, retryAfter: nil))
    #expect(failed == [.report(.notHandedOver(.refused(status: 503, retryAfter: nil)))])
    #expect(link.machine.isUp && link.machine.attempt == old)
    let from = link.attempt
    while link.attempt == from {
      if link.tickAtDeadline().heartbeats > 0 { _ = try link.replyToHeartbeat() }
    }
    #expect(link.now.monotonic < .seconds(197))
  }

  @Test("A link that dies while its successor says hello is succeeded without a wait")
  func linkDiesFirst() throws {
    var (link, old) = try atHandover()
    _ = link.append()
    _ = link.open()
    let ended = link.end(.dropped, on: old)
    #expect(ended.retryAfter == .zero && ended.connects == 0)
    #expect(!link.machine.isUp)
    let welcomed = try link.welcome()
    #expect(link.machine.isUp && welcomed.packs == ["backfill 1"])
  }

  @Test("Stopping closes everything there is")
  func stopping() throws {
    var (link, _) = try atHandover()
    _ = link.open()
    let stopped = link.stop()
    #expect(stopped.closes == [.normal, .normal])
    #expect(stopped.last == .finished)
  }

  @Test("A reading a second all along: each goes out at once, over one link or the other")
  func noDelay() throws {
    for seed in 0..<20 as Range<UInt64> {
      var link = LinkHarness(seed: seed, memory: memory(life: .seconds(30)))
      try link.bringUp()
      var sent: Set<UInt64> = []
      var handovers = 0
      for _ in 0..<300 {
        link.advance(.seconds(1))
        let before = link.attempt
        var actions = link.machine.tick(at: link.now, using: &link.random)
        for case .connect(let attempt, _) in actions {
          link.attempt = attempt
          handovers += 1
        }
        if link.attempt != before {
          _ = link.open()
          actions += try link.welcome()
        }
        let appended = link.append()
        #expect(appended.packs.count == 1, "seed \(seed): a reading waits")
        for case .sendPack(let sequence, _, _, let attempt) in actions + appended {
          #expect(sent.insert(sequence).inserted, "seed \(seed): \(sequence) went twice")
          _ = link.receive(.ack(SequenceRanges(sequence...sequence)), on: attempt)
        }
      }
      #expect((10...13).contains(handovers), "seed \(seed): \(handovers)")
      #expect(link.machine.ledger.stored.isEmpty)
    }
  }
}

@Suite("Link machine: better ways")
struct LinkBetterWayTests {
  @Test("Where messages get through by a lower way only, it is remembered and better ones retried")
  func retry() throws {
    var link = LinkHarness()
    _ = link.start()
    for _ in 0..<2 {
      _ = link.end(.unreachable(.upgradeStripped, detail: ""))
      _ = link.tickAtDeadline()
    }
    _ = link.open()
    let welcomed = try link.welcome()
    #expect(welcomed.contains(.report(.otherWay(.longPoll))))
    let kept = try #require(link.kept)
    #expect(
      kept.paths[PathKey(interface: "eth0", gateway: "192.0.2.1", broker: "broker:80")].rung
        == .longPoll)
    // The first retry comes within half an hour, the next a day later; the link stays up.
    let from = link.now.monotonic
    var tried: [(Duration, TransportRung)] = []
    while tried.count < 6 {
      let actions = link.tickAtDeadline()
      if actions.heartbeats > 0 { _ = try link.replyToHeartbeat() }
      for case .connect(let attempt, let rung) in actions {
        tried.append((link.now.monotonic - from, rung))
        _ = link.end(.unreachable(.upgradeStripped, detail: ""), on: attempt)
        link.attempt = link.machine.attempt
      }
      #expect(link.machine.isUp)
    }
    #expect(tried.map(\.1) == [.compressed, .plain, .compressed, .plain, .compressed, .plain])
    #expect(tried[1].0 < .seconds(1800))
    #expect(tried[2].0 - tried[1].0 >= .seconds(86_400))
    #expect(tried[2].0 - tried[1].0 <= .seconds(86_400 * 1.5 + 10))
  }

  @Test("A better way that leads through takes over")
  func climb() throws {
    var record = PathRecord()
    record.survived(.seconds(20))
    var link = LinkHarness { $0.rungs = [.compressed, .longPoll] }
    _ = link.start()
    _ = link.end(.refused(status: 400, retryAfter: nil))
    _ = link.tickAtDeadline()
    _ = link.open()
    _ = try link.welcome()
    let lower = link.attempt
    while link.attempt == lower {
      if link.tickAtDeadline().heartbeats > 0 { _ = try link.replyToHeartbeat() }
    }
    _ = link.open()
    let welcomed = try link.welcome()
    #expect(welcomed.contains(.report(.handedOver(.compressed))))
    #expect(welcomed.contains(.report(.otherWay(.compressed))))
    #expect(welcomed.contains(.close(lower, .normal, detail: "taken over from")))
  }

  @Test("A better way has all the time that a welcome may take: the broker may know it already")
  func patience() throws {
    var link = LinkHarness { $0.rungs = [.compressed, .longPoll] }
    _ = link.start()
    _ = link.end(.refused(status: 400, retryAfter: nil))
    _ = link.tickAtDeadline()
    _ = link.open()
    _ = try link.welcome()
    let lower = link.attempt
    while link.attempt == lower {
      if link.tickAtDeadline().heartbeats > 0 { _ = try link.replyToHeartbeat() }
    }
    _ = link.open()
    link.advance(.seconds(9))
    #expect(link.machine.tick(at: link.now, using: &link.random).closes.isEmpty)
    let welcomed = try link.welcome()
    #expect(welcomed.contains(.report(.handedOver(.compressed))))
  }
}
