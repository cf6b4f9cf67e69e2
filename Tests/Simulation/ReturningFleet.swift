import AgentCore
import DeviceProtocol
import TelemetryModel
import TestValues

/// A fleet whose broker goes away and comes back: when its agents are there again.
package struct ReturningFleet: Sendable {
  /// How the broker went.
  package enum Going: Sendable {
    /// Killed: every connection is reset at once.
    case crash
    /// In order: `bye` with a span to come back in, then 1012.
    case restart(ClosedRange<Duration>)
  }

  let agents: Int
  let going: Going
  /// How long the broker's port answers nobody, in seconds.
  let awaySeconds: Double
  let seed: UInt64

  /// A fleet of so many agents, whose links have been good for minutes.
  package init(agents: Int, going: Going, awaySeconds: Double, seed: UInt64) {
    self.agents = agents
    self.going = going
    self.awaySeconds = awaySeconds
    self.seed = seed
  }

  /// Attempts to connect, in seconds since the broker went, and those of them that led to a link.
  package struct Course: Sendable {
    /// Every attempt.
    package var attempts: [Double] = []
    /// Each agent's return.
    package var returns: [Double] = []

    /// The most attempts within any second.
    package var busiestSecond: Int { Self.busiest(attempts) }
    /// The most returns within any second.
    package var busiestReturn: Int { Self.busiest(returns) }
    /// When so large a share of the fleet was back.
    package func back(share: Double) -> Double {
      let sorted = returns.sorted()
      return sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
    }

    private static func busiest(_ moments: [Double]) -> Int {
      let sorted = moments.sorted()
      var most = 0
      var first = 0
      for last in sorted.indices {
        while sorted[last] - sorted[first] >= 1 { first += 1 }
        most = max(most, last - first + 1)
      }
      return most
    }
  }

  /// Lives through it.
  package func run() -> Course {
    var course = Course()
    var random = Seeded(seed)
    for _ in 0..<agents { follow(into: &course, using: &random) }
    return course
  }

  private func follow(into course: inout Course, using random: inout Seeded) {
    var agent = Agent(using: &random)
    switch going {
    case .crash: agent.end(.reset, using: &random)
    case .restart(let span):
      agent.receive(.bye(Bye(reason: "restart", reconnectAfter: span)), using: &random)
      agent.end(.closed(code: CloseReason.serviceRestart.code, reason: ""), using: &random)
    }
    while let seconds = agent.nextAttempt(using: &random) {
      course.attempts.append(seconds)
      if seconds >= awaySeconds {
        course.returns.append(seconds)
        return
      }
      agent.end(.unreachable(.portClosed, detail: ""), using: &random)
    }
  }
}

/// One link machine that was up for ten minutes when its broker went, at second 0.
private struct Agent {
  private var machine: LinkMachine
  private var now = SampleTime(
    wall: Timestamp(seconds: 1_800_000_000), monotonic: .seconds(1_000_000))
  private let gone: Duration
  private var attempt = LinkAttempt(number: 0)

  init(using random: inout Seeded) {
    machine = LinkMachine(
      configuration: LinkMachine.Configuration(
        agent: Software(name: "simulated", version: "1"), boot: "b",
        path: PathKey(broker: "broker:443")),
      spool: MemorySpool(epoch: "e", maxPacks: 10, maxBytes: 1 << 16))
    gone = now.monotonic + .seconds(600)
    take(machine.start(at: now))
    take(machine.opened(attempt, at: now))
    let welcome = Welcome(
      session: "s", generation: 1, acked: SequenceRanges(), now: now.wall,
      heartbeat: HeartbeatPolicy(interval: .seconds(20), timeout: .seconds(50)),
      window: WindowLimits(messages: 100, bytes: 1 << 20), maxMessageBytes: 1 << 18,
      server: Software(name: "simulated", version: "1"))
    var bytes: [UInt8] = []
    BrokerMessage.welcome(id: "1", welcome).encode(into: &bytes)
    if let message = try? BrokerMessage.decode(bytes.span) { receive(message, using: &random) }
    advance(to: gone)
    // Acknowledged for ten minutes: a good link.
    receive(.ack(SequenceRanges()), using: &random)
  }

  mutating func receive(_ message: BrokerMessage, using random: inout Seeded) {
    take(machine.received(message, on: attempt, at: now, using: &random))
  }

  mutating func end(_ ending: LinkEnding, using random: inout Seeded) {
    take(machine.ended(attempt, ending, at: now, using: &random))
  }

  /// Goes on to the next attempt; seconds since the broker went.
  mutating func nextAttempt(using random: inout Seeded) -> Double? {
    let last = attempt
    while attempt == last {
      guard let deadline = machine.deadline else { return nil }
      advance(to: deadline)
      take(machine.tick(at: now, using: &random))
    }
    return (now.monotonic - gone).inSeconds
  }

  private mutating func advance(to moment: Duration) {
    let step = max(moment - now.monotonic, .zero)
    now.monotonic += step
    now.wall = now.wall + step
  }

  private mutating func take(_ actions: [LinkAction]) {
    for case .connect(let attempt, _) in actions { self.attempt = attempt }
  }
}
