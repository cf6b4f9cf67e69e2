import DeviceProtocol
import Simulation
import TelemetryModel
import TestValues
import Testing

@testable import AgentCore

/// A broker that wants commands done, a path that loses, repeats and delays messages, and an agent
/// that is killed or loses its power at any moment, in the midst of a write too.
private struct CommandWorld {
  /// What can be asked for.
  static let names =
    Array(repeating: "blink", count: 10) + Array(repeating: "look", count: 8)
    + ["restart", "reboot", "dance"]

  struct Wish {
    var id: String
    var name: String
    var expires: Duration
    var attempt = 0
    var isCancelled = false
    var outcome: CommandOutcome?
  }

  var random: Seeded
  var desk: DeskHarness
  /// The broker's time; the desk's monotonic clock and its boots are another matter.
  var time = Duration.zero
  var boots = 0
  var wishes: [Wish] = []
  /// How often work was begun, by id.
  var begun: [String: Int] = [:]
  /// Work that was done to its end.
  var completed: Set<String> = []
  /// Work in hand, and when it is over.
  var work: [String: Duration] = [:]
  var violations: [String] = []
  var isCalm = false

  init(seed: UInt64) {
    random = Seeded(seed)
    var limits = CommandJournal.Limits()
    limits.maxBytes = Int.random(in: 1500...20_000, using: &random)
    let atOnce = Int.random(in: 1...3, using: &random)
    desk = DeskHarness(limits: limits) { $0.atOnce = atOnce }
    plugIn()
    carryOut(desk.desk.start(at: desk.now))
  }

  /// The next kill comes in the midst of a write.
  private mutating func plugIn() {
    let budget = isCalm || random.percent(70) ? Int.max : Int.random(in: 0...4000, using: &random)
    let folder = PowerCutFolder(desk.folder?.contents ?? [:], cutAfter: budget)
    desk.folder = folder
    desk.desk = CommandDesk(
      desk.configuration, journal: DeskHarness.journal(folder, desk.desk.journal.limits))
  }

  mutating func run() {
    for _ in 0..<250 {
      step()
      if desk.folder?.isCut == true { die() }
    }
    // The rest is for what there is: nothing breaks any more, and all time runs out.
    isCalm = true
    die()
    for _ in 0..<40 { step() }
    check()
  }

  private mutating func step() {
    let pause = Duration.milliseconds(Int.random(in: 1...4000, using: &random))
    time += pause
    desk.now.monotonic += pause
    // The broker's word is known on a link only.
    let isLinked = isCalm || random.percent(80)
    if isLinked || desk.now.broker != nil { desk.now.broker = Timestamp(seconds: 1e9) + time }
    finishWork()
    carryOut(desk.desk.tick(at: desk.now))
    if !isCalm {
      if random.percent(25) {
        let id = "w\(wishes.count)"
        let name = Self.names.randomElement(using: &random) ?? "blink"
        let ttl = Duration.seconds(Int.random(in: 1...40, using: &random))
        wishes.append(Wish(id: id, name: name, expires: time + ttl))
      }
      if random.percent(6) { return die() }
    }
    if isLinked { talk() }
  }

  private mutating func talk() {
    for index in wishes.indices where wishes[index].outcome == nil || random.percent(2) {
      guard isCalm || random.percent(60) else { continue }
      if random.percent(4) || wishes[index].isCancelled {
        wishes[index].isCancelled = true
        let (answer, steps) = desk.cancel(wishes[index].id)
        carryOut(steps)
        if isCalm || random.percent(70) { hear(answer, of: index) }
      }
      // The broker itself gives up what was never sent; what was sent only the device knows.
      if wishes[index].attempt == 0, time >= wishes[index].expires {
        if wishes[index].outcome == nil { wishes[index].outcome = .expired }
        continue
      }
      wishes[index].attempt += 1
      let wish = wishes[index]
      let request = CommandRequest(
        command: wish.id, name: wish.name, params: JSONObject(),
        expires: Timestamp(seconds: 1e9) + wish.expires,
        remainingSeconds: max(wish.expires - time, .zero).inSeconds, attempt: wish.attempt)
      guard isCalm || random.percent(80) else { continue }
      let (answer, steps) = desk.desk.received(request, at: desk.now)
      carryOut(steps)
      if isCalm || random.percent(70) { hear(answer, of: index) }
    }
    for id in desk.desk.unconfirmed where isCalm || random.percent(60) {
      guard desk.folder?.isCut != true, let index = wishes.firstIndex(where: { $0.id == id }) else {
        continue
      }
      if let outcome = desk.outcome(id), wishes[index].outcome == nil {
        wishes[index].outcome = outcome
      }
      if isCalm || random.percent(70) { desk.desk.confirmed(id) }
    }
  }

  private mutating func hear(_ answer: CommandState, of index: Int) {
    // What an agent without power says is not heard.
    guard desk.folder?.isCut != true, wishes[index].outcome == nil else { return }
    switch answer.state {
    case .finished: wishes[index].outcome = answer.outcome
    case .rejected: wishes[index].outcome = .rejected
    case .accepted, .running: break
    }
  }

  private mutating func carryOut(_ steps: [CommandStep]) {
    // Without power nothing happens any more, but the moment before it did.
    for step in steps {
      switch step {
      case .run(let job):
        begun[job.id, default: 0] += 1
        work[job.id] = time + .milliseconds(Int.random(in: 0...9000, using: &random))
      case .stop(let id):
        // Some stop at once, some were over already, some do not hear.
        guard work[id] != nil, random.percent(80) else { continue }
        work[id] = nil
        carryOut(desk.end(id, .cancelled))
      case .progress, .report: break
      }
    }
  }

  private mutating func finishWork() {
    for (id, end) in work.sorted(by: { $0.key < $1.key }) where end <= time {
      guard let name = wishes.first(where: { $0.id == id })?.name, work[id] != nil else { continue }
      if name == "restart" || name == "reboot" {
        completed.insert(id)
        return die(byReboot: name == "reboot")
      }
      completed.insert(id)
      work[id] = nil
      carryOut(desk.end(id))
    }
  }

  private mutating func die(byReboot: Bool = false) {
    let isPowerCut = desk.folder?.isCut == true || byReboot || random.percent(40)
    // However the agent or the machine came to be started anew, that was asked for.
    for wish in wishes where wish.outcome == nil && wish.attempt > 0 {
      if wish.name == "restart" || wish.name == "reboot" && isPowerCut {
        completed.insert(wish.id)
      }
    }
    work = [:]
    let files = isPowerCut ? desk.folder?.survivors(using: &random) : desk.folder?.contents
    if isPowerCut {
      boots += 1
      desk.configuration.boot = "boot\(boots)"
      desk.now = CommandDesk.Moment(monotonic: .seconds(20), broker: nil)
    }
    desk.folder = PowerCutFolder(files ?? [:])
    plugIn()
    carryOut(desk.desk.start(at: desk.now))
    if desk.folder?.isCut == true { die() }
  }

  private mutating func check() {
    for wish in wishes {
      let count = begun[wish.id] ?? 0
      let most = wish.name == "look" ? desk.configuration.maxStarts : 1
      if count > most { violations.append("\(wish) began \(count) times") }
      switch wish.outcome {
      case nil: violations.append("\(wish) has no outcome at the end")
      case .succeeded?:
        if !completed.contains(wish.id) { violations.append("\(wish) was not done") }
      case .rejected?, .expired?:
        if count > 0 { violations.append("\(wish) was begun \(count) times") }
      case .cancelled?, .failed?, .unknown?: break
      }
    }
  }
}

@Suite("Commands: simulated lives")
struct CommandSimulationTests {
  @Test("Through kills, power cuts and lost messages nothing acts twice, and what is told is true")
  func lives() {
    var outcomes: [CommandOutcome: Int] = [:]
    for seed in 1...60 as ClosedRange<UInt64> {
      var world = CommandWorld(seed: seed)
      world.run()
      #expect(world.violations.isEmpty, "seed \(seed): \(world.violations.prefix(3))")
      for wish in world.wishes { outcomes[wish.outcome ?? .unknown, default: 0] += 1 }
    }
    // The world is one in which everything happens.
    for outcome in CommandOutcome.allCases where outcome != .failed {
      #expect(outcomes[outcome, default: 0] > 50, "\(outcomes)")
    }
  }
}
