import AgentCore
import BrokerCore
import DeviceProtocol
import TelemetryModel
import TestValues

/// A device session over HTTP: the agent's real machine and the broker's real mailbox, with a network
/// between them that loses requests and answers, is silent or says so, and may cut what is held. All
/// chance comes from one seed.
package final class RequestWorld {
  /// A request on its way, and what it is to the broker.
  private final class Request {
    let lane: HTTPLane
    let number: Int
    let exchange: HTTPExchange
    var ticket: HTTPMailbox.Ticket?

    /// One that gets lost is the link machine's concern.
    var isHello: Bool { if case .open = exchange { true } else { false } }

    init(_ lane: HTTPLane, _ number: Int, _ exchange: HTTPExchange) {
      self.lane = lane
      self.number = number
      self.exchange = exchange
    }
  }

  private enum Event {
    case agentWakes
    case agentSpeaks
    case arrives(Request)
    case answered(Request, HTTPExchangeAnswer)
    case failed(Request)
    case cut(Request)
    case commits([Int])
    case brokerWakes
  }

  let seed: UInt64
  private var random: Seeded
  private var now: Moment = 0
  private var events = EventQueue<Event>()
  private var machine: HTTPSessionMachine
  private var mailbox = HTTPMailbox()
  private var wakesAt: Moment?
  private var brokerWakesAt: Moment?
  private var current: [HTTPLane: Int] = [:]
  private var sent = 0
  private var requests = 0
  private var held: [Request] = []
  private var received: [Int] = []
  private var uncommitted = 0
  private var committed: Set<Int> = []
  private var lossPercent: Int
  /// The path cuts requests that are held for longer.
  package let cutAfter: Double?
  private let isQuietAboutLosses: Bool
  /// The highest message up to which all are acknowledged, as far as the agent was told.
  private var told = 0
  /// What went wrong, in words.
  package private(set) var violations: [String] = []
  /// Whether the machine found that requests cannot be held.
  package private(set) var holdsNoMore = false

  /// A world that has not begun.
  package init(seed: UInt64) {
    self.seed = seed
    random = Seeded(seed)
    lossPercent = [0, 2, 10, 30].randomElement(using: &random) ?? 0
    cutAfter = random.percent(40) ? random.spread(1.2...15) : nil
    isQuietAboutLosses = random.percent(30)
    machine = HTTPSessionMachine(holds: random.percent(80))
  }

  /// Lives through ten minutes with losses, then one without.
  package func run() {
    carryOut(machine.send(Array("hello".utf8), at: Duration(now)))
    events.put(.agentSpeaks, at: 1_000_000)
    advance(to: 600.0.asSeconds)
    let (talked, losses) = (sent, lossPercent)
    lossPercent = 0
    advance(to: 700.0.asSeconds)
    if machine.isOver {
      // Five short requests in a row got lost: allowed where that happens now and then.
      if losses < 10 { violations.append("the session is over at \(losses) % losses") }
      return
    }
    let missing = Set(1...max(talked, 1)).subtracting(received)
    if !missing.isEmpty, talked > 0 { violations.append("\(missing.count) messages never came") }
    if told < talked { violations.append("told of \(told) of \(talked)") }
    if holdsNoMore, cutAfter == nil, losses == 0 { violations.append("nothing was cut") }
    // Two requests a message, one every second, and the first answer's.
    if requests > 600 * 4 + sent * 3 { violations.append("\(requests) requests for \(sent)") }
  }

  private func advance(to end: Moment) {
    while violations.isEmpty, let at = events.nextMoment, at <= end, let next = events.take() {
      now = at
      handle(next.event)
      rearm()
    }
    now = end
  }

  private func handle(_ event: Event) {
    switch event {
    case .agentWakes:
      guard wakesAt == now else { return }
      wakesAt = nil
      carryOut(machine.tick(at: Duration(now), using: &random))
    case .agentSpeaks:
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        sent += 1
        carryOut(machine.send(Array("\(sent)".utf8), at: Duration(now)))
      }
      // The last message of all is far enough from the end.
      if now < 690.0.asSeconds {
        events.put(.agentSpeaks, at: now + random.spread(0.05...20).asSeconds)
      }
    case .arrives(let request): arrive(request)
    case .answered(let request, let answer):
      guard current[request.lane] == request.number else { return }
      current[request.lane] = nil
      carryOut(machine.answered(request.lane, answer, at: Duration(now), using: &random))
    case .failed(let request):
      guard current[request.lane] == request.number else { return }
      current[request.lane] = nil
      carryOut(
        machine.failed(request.lane, .dropped, wasUsed: false, at: Duration(now), using: &random))
    case .cut(let request):
      guard held.contains(where: { $0 === request }) else { return }
      held.removeAll { $0 === request }
      if let ticket = request.ticket, random.percent(80) { mailbox.leave(ticket) }
      events.put(.failed(request), at: now)
    case .commits(let messages):
      committed.formUnion(messages)
      uncommitted -= 1
      _ = mailbox.put(ack())
      settle()
    case .brokerWakes:
      guard brokerWakesAt == now else { return }
      brokerWakesAt = nil
      settle()
    }
  }

  // MARK: The agent

  private func carryOut(_ actions: [HTTPSessionMachine.Action]) {
    for action in actions {
      switch action {
      case .send(let exchange, let lane):
        if current[lane] != nil { violations.append("two requests at once on \(lane)") }
        requests += 1
        current[lane] = requests
        let request = Request(lane, requests, exchange)
        let transit = random.spread(0.001...0.3).asSeconds
        guard request.isHello || !loses() else {
          if !isQuietAboutLosses { events.put(.failed(request), at: now + transit) }
          continue
        }
        events.put(.arrives(request), at: now + transit)
      case .abandon(let lane): current[lane] = nil
      case .deliver(let line): take(line)
      case .heard: break
      case .holdsNoMore: holdsNoMore = true
      case .ended: if !machine.isOver { violations.append("ended, and goes on") }
      }
    }
  }

  private func take(_ line: [UInt8]) {
    guard case .ack(let ranges)? = try? BrokerMessage.decode(line.span) else { return }
    told = max(told, Int(ranges.ranges.first?.to ?? 0))
  }

  private func rearm() {
    guard let deadline = machine.deadline else { return }
    let moment = max(deadline.moment, now)
    if let wakesAt, wakesAt <= moment { return }
    wakesAt = moment
    events.put(.agentWakes, at: moment)
  }

  private func loses() -> Bool { random.percent(lossPercent) }

  // MARK: The broker

  private var brokerNow: Timestamp { Timestamp(microseconds: now) }

  private func arrive(_ request: Request) {
    switch request.exchange {
    case .open: return answer(request, 200, welcome())
    case .end: return answer(request, 204, [])
    case .down:
      let (ticket, older) = mailbox.get(now: brokerNow)
      request.ticket = ticket
      held.append(request)
      answer(older)
      if let cutAfter { events.put(.cut(request), at: now + cutAfter.asSeconds) }
    case .up(_, let body):
      let messages = HTTPExchangeAnswer(status: 0, body: body).lines
        .compactMap { Int(String(decoding: $0, as: UTF8.self)) }
      let expected = (received.max() ?? 0) + 1
      // In order, each first time; what is repeated may come again.
      if let first = messages.first(where: { !received.contains($0) }), first != expected {
        violations.append("\(first) came before \(expected)")
      }
      received += messages.filter { !received.contains($0) }
      if !messages.isEmpty {
        uncommitted += 1
        events.put(.commits(messages), at: now + 25_000)
      }
      let ticket = mailbox.post(now: brokerNow)
      request.ticket = ticket
      held.append(request)
    }
    settle()
  }

  private func settle() {
    answer(mailbox.settle(isSettled: uncommitted == 0, now: brokerNow))
    guard let deadline = mailbox.deadline else { return }
    let moment = max(deadline.microseconds, now + 1)
    if let brokerWakesAt, brokerWakesAt <= moment { return }
    brokerWakesAt = moment
    events.put(.brokerWakes, at: moment)
  }

  private func answer(_ answers: [HTTPMailbox.Answer]) {
    for answer in answers {
      guard let request = held.first(where: { $0.ticket == answer.ticket }) else { continue }
      held.removeAll { $0 === request }
      let isEmptyGet = answer.lines.isEmpty && request.lane == .down
      self.answer(request, isEmptyGet ? 204 : 200, answer.lines)
    }
  }

  private func answer(_ request: Request, _ status: Int, _ body: [UInt8]) {
    let transit = random.spread(0.001...0.3).asSeconds
    guard request.isHello || !loses() else {
      if !isQuietAboutLosses { events.put(.failed(request), at: now + transit) }
      return
    }
    events.put(
      .answered(request, HTTPExchangeAnswer(status: status, body: body)), at: now + transit)
  }

  /// All that was acknowledged so far, as brokers repeat it where answers can get lost.
  private func ack() -> [UInt8] {
    var ranges = SequenceRanges()
    for message in committed { ranges.insert(UInt64(message)) }
    var bytes: [UInt8] = []
    BrokerMessage.ack(ranges).encode(into: &bytes)
    return bytes
  }

  private func welcome() -> [UInt8] {
    let welcome = Welcome(
      session: "s", generation: 1, acked: SequenceRanges(), now: brokerNow,
      heartbeat: HeartbeatPolicy(interval: .seconds(20), timeout: .seconds(50)),
      window: WindowLimits(messages: 256, bytes: 1 << 20),
      server: Software(name: "simulated", version: "1"))
    var bytes: [UInt8] = []
    BrokerMessage.welcome(id: "1", welcome).encode(into: &bytes)
    return bytes + [UInt8(ascii: "\n")]
  }
}
