import BrokerCore
import DeviceProtocol
import Testing
import TelemetryModel

@Suite("Device session")
struct DeviceSessionTests {
  private let start = Timestamp(seconds: 1_800_000_000)
  private let hello = Hello(
    agent: Software(name: "test", version: "1"), boot: "b", epoch: "e1")

  private func openSession() -> DeviceSession {
    var session = DeviceSession(policy: .init(), now: start)
    _ = session.received(.hello(id: "1", hello), now: start)
    _ = session.opened(
      session: "s", generation: 1, acked: SequenceRanges(),
      server: Software(name: "hawser", version: "1"), now: start)
    return session
  }

  @Test("Anything before hello closes the link as a protocol error")
  func helloComesFirst() {
    var session = DeviceSession(policy: .init(), now: start)
    let actions = session.received(.heartbeat(id: "1", monoSeconds: 1), now: start)
    guard case .close(.protocolError, _)? = actions.first else {
      Issue.record("not closed: \(actions)")
      return
    }
    #expect(session.isClosed)
    #expect(session.received(.hello(id: "2", hello), now: start).isEmpty)
  }

  @Test("Hello asks for the epoch, and its result carries what is stored")
  func helloIsAnswered() {
    var session = DeviceSession(policy: .init(), now: start)
    guard case .open(let asked)? = session.received(.hello(id: "7", hello), now: start).first else {
      Issue.record("hello did not open")
      return
    }
    #expect(asked.epoch == "e1")
    let acked = SequenceRanges(upTo: 5)
    let actions = session.opened(
      session: "s", generation: 3, acked: acked, server: Software(name: "h", version: "1"),
      now: start)
    guard case .send(.welcome(let id, let welcome))? = actions.first else {
      Issue.record("no welcome: \(actions)")
      return
    }
    #expect(id == "7")
    #expect(welcome.generation == 3)
    #expect(welcome.acked == acked)
    #expect(welcome.heartbeat.timeout > welcome.heartbeat.interval)
  }

  @Test("A second hello closes the link")
  func helloIsSaidOnce() {
    var session = openSession()
    guard
      case .close(.protocolError, _)? = session.received(.hello(id: "2", hello), now: start).first
    else {
      Issue.record("not closed")
      return
    }
  }

  @Test("A heartbeat is answered with its own clock and the broker's")
  func heartbeat() {
    var session = openSession()
    let now = start + .seconds(3)
    let actions = session.received(.heartbeat(id: "9", monoSeconds: 42.5), now: now)
    guard case .send(.heartbeatReply("9", 42.5, let wall))? = actions.first else {
      Issue.record("no reply: \(actions)")
      return
    }
    #expect(wall == now.seconds)
  }

  @Test("A silent link ends when its timeout has passed, and not before")
  func silence() {
    var session = openSession()
    let policy = DeviceSession.Policy()
    #expect(session.deadline == start + policy.silenceTimeout)
    #expect(session.tick(now: start + policy.silenceTimeout - .milliseconds(1)).isEmpty)
    _ = session.received(.heartbeat(id: "1", monoSeconds: 1), now: start + .seconds(30))
    #expect(session.tick(now: start + policy.silenceTimeout).isEmpty)
    let late = start + .seconds(30) + policy.silenceTimeout
    guard case .close(.heartbeatLost, _)? = session.tick(now: late).first else {
      Issue.record("not closed")
      return
    }
    #expect(session.deadline == nil)
  }

  @Test("A link that never says hello ends")
  func noHello() {
    var session = DeviceSession(policy: .init(), now: start)
    guard case .close(.protocolError, _)? = session.tick(now: start + .seconds(10)).first else {
      Issue.record("not closed")
      return
    }
  }

  @Test("More unacked packs than twice the window are too many")
  func window() {
    var policy = DeviceSession.Policy()
    policy.windowMessages = 2
    var session = DeviceSession(policy: policy, now: start)
    _ = session.received(.hello(id: "1", hello), now: start)
    _ = session.opened(
      session: "s", generation: 1, acked: SequenceRanges(),
      server: Software(name: "h", version: "1"), now: start)
    for seq in 1...4 as ClosedRange<UInt64> {
      let actions = session.received(.telemetry(seq: seq, lane: .live, pack: 0..<2), now: start)
      guard case .submit(seq, _, _)? = actions.first else {
        Issue.record("pack \(seq) was not taken: \(actions)")
        return
      }
    }
    _ = session.committed(SequenceRanges(upTo: 1))
    guard
      case .submit? = session.received(.telemetry(seq: 5, lane: .live, pack: 0..<2), now: start)
        .first
    else {
      Issue.record("an ack did not make room")
      return
    }
    let actions = session.received(.telemetry(seq: 6, lane: .live, pack: 0..<2), now: start)
    guard case .close(.rateLimited, _)? = actions.first else {
      Issue.record("not closed: \(actions)")
      return
    }
  }

  @Test("Unknown requests are answered, unknown notifications ignored")
  func unknown() {
    var session = openSession()
    guard
      case .send(.error("5", let error))? = session.received(
        .unknownRequest(id: "5", method: "dance"), now: start
      ).first
    else {
      Issue.record("not answered")
      return
    }
    #expect(error.code == RPCError.methodNotFound)
    #expect(session.received(.ignored(method: "dance"), now: start).isEmpty)
  }

  // MARK: - Handover and draining

  private func telemetry(_ seq: UInt64) -> AgentMessage {
    .telemetry(seq: seq, lane: .live, pack: 0..<2)
  }

  @Test("A link that was handed over takes packs for a moment, and its acks go elsewhere")
  func handedOver() {
    var session = openSession()
    _ = session.received(telemetry(1), now: start)
    session.handedOver(now: start + .seconds(1))
    guard case .submit(2, _, _)? = session.received(telemetry(2), now: start + .seconds(2)).first
    else {
      Issue.record("what was on its way was not taken")
      return
    }
    guard case .forwardAck(let ranges)? = session.committed(SequenceRanges(upTo: 2)).first else {
      Issue.record("not forwarded")
      return
    }
    #expect(ranges == SequenceRanges(upTo: 2))
    #expect(session.deadline == start + .seconds(6))
    #expect(session.tick(now: start + .milliseconds(5999)).isEmpty)
    guard case .close(.normal, _)? = session.tick(now: start + .seconds(6)).first else {
      Issue.record("still open after five seconds")
      return
    }
    #expect(session.received(telemetry(3), now: start + .seconds(7)).isEmpty)
  }

  @Test("A replaced link takes nothing and acks nothing itself")
  func replaced() {
    var session = openSession()
    _ = session.received(telemetry(1), now: start)
    guard case .close(.replaced, _)? = session.close(.replaced, "").first else {
      Issue.record("not closed")
      return
    }
    #expect(session.received(telemetry(2), now: start).isEmpty)
    let actions = session.committed(SequenceRanges(upTo: 1))
    guard actions.count == 1, case .forwardAck = actions[0] else {
      Issue.record("it acked: \(actions)")
      return
    }
  }

  @Test("A stopping link waits for the acks of what it took, but not for ever")
  func draining() {
    var session = openSession()
    _ = session.received(telemetry(1), now: start)
    #expect(session.drain(.serviceRestart, "", now: start).isEmpty)
    #expect(session.received(telemetry(2), now: start).isEmpty, "the agent keeps it")
    var late = session
    let actions = session.committed(SequenceRanges(upTo: 1))
    guard actions.count == 2, case .send(.ack) = actions[0],
      case .close(.serviceRestart, _) = actions[1]
    else {
      Issue.record("no ack, or not closed: \(actions)")
      return
    }
    guard
      case .close(.serviceRestart, _)? = late.tick(now: start + .milliseconds(500)).first
    else {
      Issue.record("waits for ever")
      return
    }
    var idle = openSession()
    guard case .close(.serviceRestart, _)? = idle.drain(.serviceRestart, "", now: start).first
    else {
      Issue.record("an idle link waits for nothing")
      return
    }
  }

  @Test("Over a transport that may lose answers an ack says all, and heartbeats repeat it")
  func repeatedAcks() {
    var session = DeviceSession(policy: .init(), repeatsAcks: true, now: start)
    _ = session.received(.hello(id: "1", hello), now: start)
    _ = session.opened(
      session: "s", generation: 1, acked: SequenceRanges(),
      server: Software(name: "h", version: "1"), now: start)
    #expect(session.received(.heartbeat(id: "2", monoSeconds: 1), now: start).count == 1)
    _ = session.committed(SequenceRanges(upTo: 3))
    guard case .send(.ack(let all))? = session.committed(SequenceRanges([SequenceRange(4)])).first
    else {
      Issue.record("no ack")
      return
    }
    #expect(all == SequenceRanges(upTo: 4))
    let actions = session.received(.heartbeat(id: "3", monoSeconds: 2), now: start)
    guard actions.count == 2, case .send(.ack(all)) = actions[1] else {
      Issue.record("not repeated: \(actions)")
      return
    }
  }

  @Test("The heartbeat that suits a path is promised and held to")
  func heartbeatOfThePath() {
    var session = DeviceSession(policy: .init(), now: start)
    _ = session.received(.hello(id: "1", hello), now: start)
    let heartbeat = HeartbeatPolicy(interval: .seconds(10), timeout: .seconds(25))
    let actions = session.opened(
      session: "s", generation: 1, acked: SequenceRanges(), heartbeat: heartbeat,
      server: Software(name: "h", version: "1"), now: start)
    guard case .send(.welcome(_, let welcome))? = actions.first else {
      Issue.record("no welcome")
      return
    }
    #expect(welcome.heartbeat == heartbeat)
    #expect(session.deadline == start + .seconds(25))
  }

  @Test("What a device says of commands is passed on, also while the link is handed over")
  func commands() {
    var session = openSession()
    let finished = CommandFinished(command: "c", outcome: .succeeded)
    for _ in 1...2 {
      guard
        case .commandResponse("b1", .result)? = session.received(
          .response(id: "b1", .result(.null)), now: start
        ).first,
        case .commandProgress? = session.received(
          .commandProgress(CommandProgress(command: "c")), now: start
        ).first,
        case .commandFinished("7", finished)? = session.received(
          .commandFinished(id: "7", finished), now: start
        ).first
      else {
        Issue.record("not passed on")
        return
      }
      session.handedOver(now: start)
    }
  }

  // MARK: - Spare links

  @Test("A spare link is answered, left in silence for as long as announced, and then answers")
  func spareLink() {
    let policy = DeviceSession.Policy()
    var session = DeviceSession(policy: policy, now: start)
    guard
      case .openSpare? = session.received(.probe(id: "1", silenceSeconds: 320), now: start).first,
      case .send(.response("1", .object(JSONObject())))? = session.spareOpened(now: start).first
    else {
      Issue.record("not answered")
      return
    }
    let over = start + .seconds(320)
    #expect(session.tick(now: over).isEmpty, "said something in the silence")
    #expect(session.deadline == over + policy.probeSlack)
    guard
      case .send(.heartbeatReply("2", 320, _))? = session.received(
        .heartbeat(id: "2", monoSeconds: 320), now: over
      ).first
    else {
      Issue.record("no echo")
      return
    }
    guard case .close(.normal, _)? = session.tick(now: over + policy.probeSlack).first else {
      Issue.record("kept for ever")
      return
    }
  }

  @Test(
    "A spare link's silence is bounded",
    arguments: [0, -1, 600.1, .infinity, .nan] as [Double])
  func spareSilence(seconds: Double) {
    var session = DeviceSession(policy: .init(), now: start)
    let actions = session.received(.probe(id: "1", silenceSeconds: seconds), now: start)
    guard case .send(.error("1", let error))? = actions.first, session.isClosed else {
      Issue.record("taken: \(actions)")
      return
    }
    #expect(error.data?.code == "limitExceeded")
    #expect(error.data?.field == "params.silence")
  }

  @Test(
    "A spare link is no session: it carries heartbeats only, and is refused where there are many")
  func spareIsNoSession() {
    var session = DeviceSession(policy: .init(), now: start)
    _ = session.received(.probe(id: "1", silenceSeconds: 5), now: start)
    var refused = session
    _ = session.spareOpened(now: start)
    #expect(!session.isOpen)
    #expect(session.epoch == nil)
    guard case .close(.protocolError, _)? = session.received(telemetry(1), now: start).first else {
      Issue.record("took a pack")
      return
    }
    let actions = refused.spareRefused()
    guard actions.count == 2, case .send(.error("1", _)) = actions[0],
      case .close(.rateLimited, _) = actions[1]
    else {
      Issue.record("not refused: \(actions)")
      return
    }
  }
}
