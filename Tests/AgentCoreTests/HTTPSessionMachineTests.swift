import AgentCore
import DeviceProtocol
import TelemetryModel
import TestValues
import Testing

@Suite("Device session over HTTP: the agent's requests")
struct HTTPSessionMachineTests {
  /// A machine with its own clock and dice.
  private struct Harness {
    var machine: HTTPSessionMachine
    var random = Seeded(1)
    var now = Duration.seconds(100)

    init(holds: Bool = true) {
      machine = HTTPSessionMachine(holds: holds)
    }

    mutating func send(_ text: String) -> [HTTPSessionMachine.Action] {
      machine.send(Array(text.utf8), at: now)
    }
    mutating func tick(after wait: Duration = .zero) -> [HTTPSessionMachine.Action] {
      now += wait
      return machine.tick(at: now, using: &random)
    }
    mutating func answer(
      _ lane: HTTPLane, _ status: Int = 200, _ lines: String..., retryAfter: Duration? = nil
    ) -> [HTTPSessionMachine.Action] {
      let body = lines.map { $0 + "\n" }.joined()
      return machine.answered(
        lane, HTTPExchangeAnswer(status: status, retryAfter: retryAfter, body: Array(body.utf8)),
        at: now, using: &random)
    }
    mutating func fail(
      _ lane: HTTPLane, _ ending: LinkEnding = .dropped, wasUsed: Bool = false
    ) -> [HTTPSessionMachine.Action] {
      machine.failed(lane, ending, wasUsed: wasUsed, at: now, using: &random)
    }

    /// Says hello and is welcomed.
    mutating func open(maxMessage: Int = 1 << 18) -> [HTTPSessionMachine.Action] {
      _ = send("hello")
      return answer(.up, 200, Self.welcome(maxMessage: maxMessage))
    }

    static func welcome(maxMessage: Int = 1 << 18) -> String {
      let welcome = Welcome(
        session: "s1", generation: 1, acked: SequenceRanges(), now: Timestamp(seconds: 1),
        heartbeat: HeartbeatPolicy(interval: .seconds(20), timeout: .seconds(50)),
        window: WindowLimits(messages: 10, bytes: 1000), maxMessageBytes: maxMessage,
        server: Software(name: "b", version: "1"))
      var bytes: [UInt8] = []
      BrokerMessage.welcome(id: "1", welcome).encode(into: &bytes)
      return String(decoding: bytes, as: UTF8.self)
    }
  }

  private static let ack = #"{"jsonrpc":"2.0","method":"ack","params":{"acked":[[1,2]]}}"#

  @Test("The hello begins the session; its answer is delivered, and a request is held from then on")
  func opening() {
    var session = Harness()
    #expect(session.send("hello") == [.send(.open(Array("hello\n".utf8)), on: .up)])
    let opened = session.answer(.up, 200, Harness.welcome())
    #expect(
      opened == [
        .deliver(Array(Harness.welcome().utf8)), .send(.down(session: "s1"), on: .down),
      ])
  }

  @Test("What comes together goes together, one request at a time")
  func batches() {
    var session = Harness()
    _ = session.open()
    #expect(session.send("a") == [] && session.send("b") == [])
    #expect(session.machine.deadline ?? .seconds(1000) <= session.now)
    #expect(
      session.tick() == [.send(.up(session: "s1", Array("a\nb\n".utf8)), on: .up)])
    _ = session.send("c")
    _ = session.send("d")
    #expect(session.tick() == [])
    let next = session.answer(.up)
    #expect(next == [.heard, .send(.up(session: "s1", Array("c\nd\n".utf8)), on: .up)])
  }

  @Test("A batch is no larger than the broker takes, unless one message is")
  func batchSize() {
    var session = Harness()
    _ = session.open(maxMessage: 10)
    for text in ["12345", "123", "1234567890123"] { _ = session.send(text) }
    #expect(session.tick() == [.send(.up(session: "s1", Array("12345\n123\n".utf8)), on: .up)])
    #expect(
      session.answer(.up)
        == [.heard, .send(.up(session: "s1", Array("1234567890123\n".utf8)), on: .up)])
  }

  @Test("A box that takes less gets halves; one message that is too large ends the session")
  func tooLarge() {
    var session = Harness()
    _ = session.open()
    let long = String(repeating: "x", count: 600)
    for _ in 0..<2 { _ = session.send(long) }
    _ = session.tick()
    let half = [UInt8](long.utf8) + [10]
    #expect(session.answer(.up, 413) == [.send(.up(session: "s1", half), on: .up)])
    #expect(session.answer(.up) == [.heard, .send(.up(session: "s1", half), on: .up)])
    #expect(session.answer(.up, 413).last == .ended(.closed(code: 1009, reason: "status 413")))
  }

  @Test("Messages are delivered in order, and the next request is held at once")
  func down() {
    var session = Harness()
    _ = session.open()
    #expect(
      session.answer(.down, 200, Self.ack, "{}")
        == [
          .deliver(Array(Self.ack.utf8)), .deliver(Array("{}".utf8)),
          .send(.down(session: "s1"), on: .down),
        ])
    #expect(session.answer(.down, 204) == [.heard, .send(.down(session: "s1"), on: .down)])
  }

  @Test("A request without an answer is made again, with the same messages, after a random wait")
  func repetition() {
    var session = Harness()
    _ = session.open()
    _ = session.send("a")
    _ = session.tick()
    _ = session.send("b")
    #expect(session.fail(.up) == [])
    let due = session.machine.deadline ?? .zero
    #expect(due >= session.now && due <= session.now + .milliseconds(500))
    #expect(
      session.tick(after: .milliseconds(500))
        == [.send(.up(session: "s1", Array("a\n".utf8)), on: .up)])
  }

  @Test("A connection that died of idleness costs no wait; one that was idle for long is not used")
  func idleConnections() {
    var session = Harness()
    _ = session.open()
    _ = session.send("a")
    _ = session.tick()
    #expect(
      session.fail(.up, wasUsed: true)
        == [.send(.up(session: "s1", Array("a\n".utf8)), on: .up)])
    _ = session.answer(.up)
    session.now += .seconds(11)
    _ = session.send("b")
    #expect(
      session.tick() == [.abandon(.up), .send(.up(session: "s1", Array("b\n".utf8)), on: .up)])
  }

  @Test("An answer that does not come in time is given up with its connection")
  func timeout() {
    var session = Harness()
    _ = session.open()
    _ = session.send("a")
    _ = session.tick()
    #expect(session.tick(after: .seconds(10)).contains(.abandon(.up)))
    let again = session.tick(after: .milliseconds(500))
    #expect(again.contains(.send(.up(session: "s1", Array("a\n".utf8)), on: .up)))
  }

  @Test("A session nobody can be reached about is over, with what became of the last attempt")
  func unreachable() {
    var session = Harness()
    _ = session.open()
    _ = session.send("a")
    _ = session.tick()
    var actions: [HTTPSessionMachine.Action] = []
    var tries = 0
    while !session.machine.isOver, tries < 20 {
      tries += 1
      actions = session.fail(.up, .unreachable(.noRoute, detail: ""))
      _ = session.tick(after: .seconds(5))
    }
    #expect(tries == 5)
    #expect(actions.last == .ended(.unreachable(.noRoute, detail: "")))
  }

  @Test("Where held requests are cut again and again and short ones pass, short ones do alone")
  func narrowing() {
    var session = Harness()
    _ = session.open()
    for cut in 1...3 {
      session.now += .seconds(5)
      _ = session.fail(.down, wasUsed: true)
      _ = session.tick(after: .seconds(2))
      // One that had something to bring soon says nothing of holding.
      _ = session.answer(.down, 200, Self.ack)
      _ = session.send("a")
      _ = session.tick()
      let actions = session.answer(.up, 200, Self.ack)
      #expect(actions.contains(.holdsNoMore) == (cut == 3))
    }
    #expect(!session.machine.holds)
    let next = session.tick(after: .seconds(6))
    #expect(next.contains(.send(.up(session: "s1", []), on: .up)))
    #expect(!next.contains(.send(.down(session: "s1"), on: .down)))
  }

  @Test("One that was held for as long shows that holding is possible")
  func heldAfterAll() {
    var session = Harness()
    _ = session.open()
    for _ in 0..<10 {
      session.now += .seconds(5)
      _ = session.fail(.down)
      _ = session.tick(after: .seconds(5))
      _ = session.send("a")
      _ = session.tick()
      _ = session.answer(.up)
      session.now += .seconds(20)
      _ = session.answer(.down, 204)
    }
    #expect(session.machine.holds)
  }

  @Test("Cuts while short requests do not pass either say nothing of holding")
  func outage() {
    var session = Harness()
    _ = session.open()
    for _ in 0..<10 {
      session.now += .seconds(5)
      _ = session.send("a")
      _ = session.tick()
      _ = session.fail(.down)
      _ = session.fail(.up)
      _ = session.tick(after: .seconds(5))
      _ = session.answer(.up)
    }
    #expect(session.machine.holds)
  }

  @Test("Without held requests the broker is asked for messages, soon while acks are due")
  func polling() {
    var session = Harness(holds: false)
    #expect(session.open().count == 1)
    #expect(session.tick(after: .seconds(3)) == [])
    #expect(session.tick(after: .seconds(2)) == [.send(.up(session: "s1", []), on: .up)])
    _ = session.answer(.up)
    _ = session.send("a")
    _ = session.tick()
    _ = session.answer(.up)
    #expect(
      session.tick(after: .milliseconds(500)) == [.send(.up(session: "s1", []), on: .up)],
      "the acks came not with the answer")
    #expect(session.answer(.up, 200, Self.ack) == [.deliver(Array(Self.ack.utf8))])
    #expect(session.tick(after: .seconds(3)) == [])
  }

  @Test("A broker or box that is not well is asked again when it says; 503 is no end")
  func unwell() {
    var session = Harness(holds: false)
    _ = session.open()
    _ = session.send("a")
    _ = session.tick()
    #expect(session.answer(.up, 503, retryAfter: .seconds(7)) == [])
    #expect(session.tick(after: .seconds(6)) == [])
    #expect(
      session.tick(after: .seconds(1))
        == [.send(.up(session: "s1", Array("a\n".utf8)), on: .up)])
  }

  @Test(
    "What ends a session",
    arguments: [
      (404, LinkEnding.closed(code: 4004, reason: "status 404")),
      (400, .closed(code: 4006, reason: "status 400")),
      (403, .refused(status: 403, retryAfter: nil)),
      (302, .refused(status: 302, retryAfter: nil)),
    ])
  func ends(status: Int, ending: LinkEnding) {
    for lane in HTTPLane.allCases {
      var session = Harness()
      _ = session.open()
      _ = session.send("a")
      _ = session.tick()
      #expect(session.answer(lane, status).last == .ended(ending))
      #expect(session.machine.isOver && session.machine.deadline == nil)
    }
  }

  @Test("The broker's last line ends the session, behind what came before it")
  func closedByBroker() {
    var session = Harness()
    _ = session.open()
    let last = String(
      decoding: DeviceLink.closedMessage(.serviceRestart, "soon"), as: UTF8.self)
    let actions = session.answer(.down, 200, Self.ack, last)
    #expect(actions.first == .deliver(Array(Self.ack.utf8)))
    #expect(actions.last == .ended(.closed(code: 1012, reason: "restarting: soon")))
  }

  @Test("A refused hello, and a page in place of the welcome, are no session")
  func refusals() {
    var full = Harness()
    _ = full.send("hello")
    #expect(
      full.answer(.up, 503, retryAfter: .seconds(3)).last
        == .ended(.refused(status: 503, retryAfter: .seconds(3))))
    var portal = Harness()
    _ = portal.send("hello")
    guard case .ended(.unreachable(.badHandshake, _))? = portal.answer(.up, 200, "<html>").last
    else {
      Issue.record("a sign-in page is no welcome")
      return
    }
    var cut = Harness()
    _ = cut.send("hello")
    #expect(cut.fail(.up, .reset).last == .ended(.reset))
  }

  @Test("Closing waits for what is on its way, then ends the session, for 2 s at most")
  func closing() {
    var session = Harness()
    _ = session.open()
    _ = session.send("a")
    _ = session.tick()
    #expect(session.machine.close(isOrderly: true, at: session.now) == [.abandon(.down)])
    #expect(session.answer(.up) == [.send(.end(session: "s1"), on: .up)])
    #expect(session.answer(.up, 204).last == .ended(.closed(code: 1000, reason: "")))
    var stuck = Harness()
    _ = stuck.open()
    #expect(
      stuck.machine.close(isOrderly: true, at: stuck.now)
        == [.abandon(.down), .send(.end(session: "s1"), on: .up)])
    #expect(stuck.tick(after: .seconds(2)).last == .ended(.closed(code: 1000, reason: "")))
    var dead = Harness()
    _ = dead.open()
    #expect(
      dead.machine.close(isOrderly: false, at: dead.now).last
        == .ended(.closed(code: 1000, reason: "")))
  }
}
