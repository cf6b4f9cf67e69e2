import AgentCore
import BrokerCore
import DeviceProtocol
import TelemetryModel
import TestValues

/// One device, its broker and what lies between them, in simulated time. All chance comes from one
/// seed, so a seed is a whole story.
package final class World {
  enum Event {
    case agentStarts
    case agentWakes(run: Int, at: Moment)
    case agentReads(run: Int)
    case agentCrashes
    case brokerStarts
    case brokerCrashes
    case commits(run: Int)
    case sessionWakes(Connection, at: Moment)
    case opened(Connection)
    case openedAtBroker(Connection)
    case notOpened(Connection, LinkEnding)
    case arrivesAtBroker(Connection, Uplink)
    case arrivesAtAgent(Connection, BrokerMessage)
    case endsAtAgent(Connection, LinkEnding)
    case endsAtBroker(Connection)
    case idleCheck(Connection)
    case cut(Connection, LinkEnding)
    case userTimeout(Connection, outage: Moment)
    case resetsOne
    case outageBegins
  }

  let seed: UInt64
  let terrain: Terrain
  var random: Seeded
  var now: Moment = 0
  var events = EventQueue<Event>()
  var connections: [Connection] = []
  /// Every packet sent before this is late; none passes until then.
  var outageUntil: Moment = 0
  /// From here on the path only does what it always does, so that all can come to rest.
  var isCalm = false

  // The agent.
  var disk = PowerCutFolder()
  var machine: LinkMachine?
  var epoch = ""
  /// What the agent keeps besides its readings.
  var memory = AgentMemory()
  var agentRun = 0
  var agentWakesAt: Moment?
  var produced: [(epoch: String, sequence: UInt64)] = []
  var drops: [Moment] = []
  /// When the link came up last.
  var lastUp: Moment = 0

  // The broker.
  var brokerRun = 0
  var isBrokerUp = false
  var store = StoreModel()
  var current: Connection?
  var generation: UInt64 = 0
  /// What waits for the next commit.
  var writes: [(connection: Connection, epoch: String, write: StoreModel.Write)] = []

  /// What went wrong, in words; the first is what counts.
  package internal(set) var violations: [String] = []
  package private(set) var handled = 0
  private var handledNow = 0
  let isTold: Bool

  /// A world that has not begun; one that `isTold` prints what happens.
  package init(seed: UInt64, isTold: Bool = false) {
    self.seed = seed
    self.isTold = isTold
    random = Seeded(seed)
    terrain = Terrain(using: &random)
  }

  /// The clocks that the machines see. The device's wall clock is right.
  var sampleTime: SampleTime {
    SampleTime(wall: wall, monotonic: Duration(now + 1_000_000))
  }
  var wall: Timestamp { Timestamp(microseconds: 1_800_000_000_000_000 + now) }

  /// Lives through so many hours, then gives both sides quiet and time to finish.
  package func run(hours: Double) {
    let end = (hours * 3600).asSeconds
    schedule(.brokerStarts, in: 0)
    schedule(.agentStarts, in: 0)
    if !terrain.isCalm {
      scheduleNext(.resetsOne, anHour: terrain.resetsAnHour)
      scheduleNext(.outageBegins, anHour: terrain.outagesAnHour)
      scheduleNext(.agentCrashes, anHour: terrain.agentCrashesAnHour)
      scheduleNext(.brokerCrashes, anHour: terrain.brokerCrashesAnHour)
    }
    advance(to: end)
    checkPath(since: end / 2)
    isCalm = true
    // Long enough for the longest wait before an attempt, all ways of carrying messages, and the
    // backlog.
    advance(to: max(end, outageUntil) + 3600.0.asSeconds)
    checkReadings()
  }

  private func advance(to end: Moment) {
    while violations.isEmpty, let moment = events.nextMoment, moment <= end,
      let next = events.take()
    {
      if next.at > now { handledNow = 0 }
      now = max(now, next.at)
      handled += 1
      handledNow += 1
      // A real shell would use up a core until the clock goes on.
      if handledNow > 5000 { violate("time stands still: \(next.event)") }
      handle(next.event)
    }
    now = max(now, end)
  }

  private func handle(_ event: Event) {
    switch event {
    case .agentStarts: startAgent()
    case .agentWakes(let run, let moment): wakeAgent(run, moment)
    case .agentReads(let run): read(run)
    case .agentCrashes:
      scheduleNext(event, anHour: terrain.agentCrashesAnHour)
      if !isCalm { crashAgent() }
    case .brokerStarts: startBroker()
    case .brokerCrashes:
      scheduleNext(event, anHour: terrain.brokerCrashesAnHour)
      if !isCalm { crashBroker() }
    case .commits(let run): commit(run)
    case .sessionWakes(let connection, let moment): wakeSession(connection, moment)
    case .opened(let connection): openAtAgent(connection)
    case .openedAtBroker(let connection): openAtBroker(connection)
    case .notOpened(let connection, let ending): endAtAgent(connection, ending)
    case .arrivesAtBroker(let connection, let uplink): receiveAtBroker(connection, uplink)
    case .arrivesAtAgent(let connection, let message): receiveAtAgent(connection, message)
    case .endsAtAgent(let connection, let ending): endAtAgent(connection, ending)
    case .endsAtBroker(let connection): endAtBroker(connection)
    case .idleCheck(let connection): checkIdle(connection)
    case .cut(let connection, let ending): cut(connection, ending)
    case .userTimeout(let connection, let outage): timeOut(connection, outage)
    case .resetsOne:
      scheduleNext(event, anHour: terrain.resetsAnHour)
      if !isCalm { resetOne() }
    case .outageBegins:
      scheduleNext(event, anHour: terrain.outagesAnHour)
      if !isCalm { beginOutage() }
    }
  }

  func schedule(_ event: Event, in distance: Moment) {
    events.put(event, at: now + distance)
  }

  /// Once in so many hours on average, evenly spread around that.
  private func scheduleNext(_ event: Event, anHour rate: Double) {
    guard rate > 0, !isCalm else { return }
    schedule(event, in: Double.random(in: 0...(7200 / rate), using: &random).asSeconds)
  }

  /// Where the story is told while it happens, for one seed alone.
  func say(_ what: String) {
    print("\(Double(now / 1000) / 1000) s: \(what)")
  }

  func violate(_ what: String) {
    violations.append("after \(Double(now) / 1e6) s: \(what)")
  }
}
