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
      guard case .submit(seq, _)? = actions.first else {
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
}
