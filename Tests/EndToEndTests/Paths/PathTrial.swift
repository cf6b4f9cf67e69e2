import AgentCore
import DeviceProtocol
import Foundation
import TestSupport

/// One agent and its broker behind one box, for as long as it takes to see what becomes of them.
struct PathTrial: Sendable {
  let box: MiddleBox

  /// Runs the trial in a workspace of its own. Throws `TestFailure` where something that is
  /// promised did not happen.
  func run() async throws -> PathFinding {
    var finding: PathFinding?
    try await Workspace.use { workspace in
      let broker = try await workspace.startBroker(arguments: Self.brokerOptions)
      let route = try await box.start(workspace, broker)
      let agent = try start(workspace, route)
      let log = AgentLog(agent)
      let watching = Task { await log.watch() }
      defer { watching.cancel() }
      do {
        let course = Course(
          box: box, workspace: workspace, broker: broker, agent: agent, log: log, route: route,
          readingInterval: readingInterval)
        finding = try await course.follow()
      } catch let failure as TestFailure {
        throw TestFailure("\(box): \(failure.description)\n\(agent.transcript)")
      }
    }
    guard let finding else { throw TestFailure("\(box): no finding") }
    return finding
  }

  /// Readings are rarer than an idle limit, so that only heartbeats can keep the link; elsewhere
  /// there are many, so that losing one shows.
  private var readingInterval: Double {
    box.idleLimit.map { $0 * 1.5 + 3 } ?? 0.5
  }

  /// A heartbeat that the broker asks for must not hide the path's own limit.
  private static let brokerOptions = [
    "--set", "devices.heartbeatInterval=60s", "--set", "devices.silenceTimeout=130s",
  ]

  private func start(_ workspace: Workspace, _ route: MiddleBox.Route) throws -> ProgramRun {
    let interval = Int((readingInterval * 1000).rounded())
    let options =
      [
        "run", "--broker", route.broker, "--device", "boxed", "--state",
        workspace.folder.appending(path: "agent-state").path,
        "--set", "sampling.sensors=uptime", "--set", "sampling.interval=\(interval)ms",
        // As wrong for these paths as 20 s is for those outside.
        "--set", "link.heartbeat.interval=\(box.idleLimit.map { max(20, $0 * 2) } ?? 20)s",
        "--set", "link.heartbeat.timeout=1s", "--set", "link.reconnect.first=200ms",
        "--set", "link.reconnect.base=500ms", "--set", "link.reconnect.most=2s",
      ] + route.options
    let agent = try Checkout.program("hawser-agent")
    guard let network = route.network else {
      return try workspace.start("agent", program: agent, options, environment: route.environment)
    }
    let (program, arguments) = try network.onDevice(agent, options)
    return try workspace.start("agent", program: program, arguments, environment: route.environment)
  }
}

/// What happens in one trial, in its order.
private struct Course {
  let box: MiddleBox
  let workspace: Workspace
  let broker: BrokerRun
  let agent: ProgramRun
  let log: AgentLog
  let route: MiddleBox.Route
  let readingInterval: Double

  func follow() async throws -> PathFinding {
    var finding = PathFinding(box: box.description)
    try await waitUntil("the first link", within: .seconds(30)) {
      if let ending = agent.hasEnded { throw TestFailure("the agent ended: \(ending)") }
      return await log.upSince
    }
    var outageBegan: ContinuousClock.Instant?
    if case .losesAll(let seconds) = box.fault {
      try await Task.sleep(for: .seconds(3))
      try await route.network?.loseEverything(true)
      outageBegan = .now
      let end = ContinuousClock.now + .seconds(seconds)
      finding.diagnosis = try await diagnose()
      try await Task.sleep(until: end, clock: .continuous)
      try await route.network?.loseEverything(false)
    }
    // An agent that runs goes on undisturbed.
    let known = finding.diagnosis
    async let diagnosis = known.isEmpty ? diagnose() : known
    try await settle()
    finding.dropsBeforeLearned = await log.drops
    finding.diagnosis = try await diagnosis
    finding.idle = try await measureIdle()
    try await Task.sleep(for: .seconds(steadySeconds / 2))
    finding.dropsAfterLearned = await log.drops - finding.dropsBeforeLearned
    let events = await log.events
    finding.detectSeconds = detection(events, outageBegan)
    finding.reconnectSeconds = reconnection(events, outageBegan)
    agent.send(SIGTERM)
    guard try await agent.end() == .exit(0) else { throw TestFailure("the agent did not stop") }
    try await count(into: &finding)
    return finding
  }

  /// What `hawser-agent diagnose` says of this box.
  private func diagnose() async throws -> String {
    try await PathReader(box: box, workspace: workspace, route: route).read()
  }

  /// For how long a link must hold before its path counts as learned.
  private var steadySeconds: Double {
    switch box.fault {
    case .cutsIdle(let limit), .forgetsIdle(let limit): max(limit * 2, readingInterval) + 1
    case .cutsAge(let life): life * 2.5
    case .blocksWebSocket, .refuses, .losesAll, .none: 5
    }
  }

  /// What the agent has to know of such a path.
  private var figure: String? {
    switch box.fault {
    case .cutsIdle, .forgetsIdle: "fail"
    case .cutsAge: "life"
    case .blocksWebSocket, .refuses, .losesAll, .none: nil
    }
  }

  private func settle() async throws {
    // Some boxes cut more than once before their limit is sure, now and then many times, as chance has
    // it; each round costs limit and waits.
    let most = steadySeconds * 2 + (box.idleLimit ?? 10) * 6 + 180
    try await waitUntil("a link that stays for \(steadySeconds) s", within: .seconds(most)) {
      () -> Bool? in
      if let figure, await !log.hasLearnt(figure) { return nil }
      return await log.hasBeenUp(for: .seconds(steadySeconds)) ? true : nil
    }
  }

  /// Counts what goes over the link between two readings; nil where readings are too frequent.
  private func measureIdle() async throws -> IdleTraffic? {
    guard readingInterval > 3 else { return nil }
    // On a machine that is busy with other trials a reading may slip in.
    for _ in 0..<4 {
      if let traffic = try await measureIdleOnce() { return traffic }
    }
    throw TestFailure("no pause between readings could be measured")
  }

  private func measureIdleOnce() async throws -> IdleTraffic? {
    let before = try await packs()
    try await waitUntil("the next reading", within: .seconds(readingInterval * 2 + 5)) {
      try await packs() > before ? true : nil
    }
    let readingSeen = ContinuousClock.now
    // Its acknowledgement is not idle traffic.
    try await Task.sleep(for: .milliseconds(700))
    let began = ContinuousClock.now
    let first = try await agent.socketCounters(in: route.network, workspace: workspace)
    try await Task.sleep(until: readingSeen + .seconds(readingInterval - 1.2), clock: .continuous)
    let last = try await agent.socketCounters(in: route.network, workspace: workspace)
    let seconds = (ContinuousClock.now - began) / .seconds(1)
    guard try await packs() == before + 1 else { return nil }
    var total = SocketCounters()
    for (port, end) in last {
      let start = first[port] ?? SocketCounters()
      total.bytes += end.bytes - start.bytes
      total.segments += end.segments - start.segments
      total.dataSegmentsOut += end.dataSegmentsOut - start.dataSegmentsOut
    }
    return IdleTraffic(seconds: seconds, counters: total)
  }

  /// How many packs the broker has taken.
  private func packs() async throws -> Int {
    let text = String(decoding: try await broker.get("metrics").body, as: UTF8.self)
    return metric("hawser_packs_total", in: text)
  }

  private func metric(_ name: String, in text: String) -> Int {
    let line = text.split(separator: "\n").first { $0.hasPrefix("\(name) ") }
    return line?.split(separator: " ").last.flatMap { Double($0) }.map { Int($0) } ?? 0
  }

  /// The longest time from the box's doing to the agent's `link down`.
  private func detection(
    _ events: [LinkEvent], _ outageBegan: ContinuousClock.Instant?
  ) -> Double? {
    if let outageBegan {
      let down = events.first { $0.kind == .down && $0.seen > outageBegan }
      return down.map { ($0.seen - outageBegan) / .seconds(1) }
    }
    guard let limit = box.idleLimit else { return nil }
    let idle = events.filter { $0.kind == .down }.compactMap { $0.fields["idle"] }
    return idle.compactMap(Double.init).map { max(0, $0 - limit) }.max()
  }

  /// The longest time from `link down`, or from the outage's end, to the next `link up`.
  private func reconnection(
    _ events: [LinkEvent], _ outageBegan: ContinuousClock.Instant?
  ) -> Double? {
    var longest: Double?
    var down: ContinuousClock.Instant?
    for event in events {
      switch event.kind {
      case .down: down = down ?? event.seen
      case .up:
        guard let lost = down else { continue }
        var from = lost
        if case .losesAll(let seconds) = box.fault, let outageBegan {
          from = max(from, outageBegan + .seconds(seconds))
        }
        longest = max(longest ?? 0, (event.seen - from) / .seconds(1))
        down = nil
      case .learnt: continue
      }
    }
    return longest
  }

  /// Every pack that the agent made is acknowledged, and its reading is in history once.
  private func count(into finding: inout PathFinding) async throws {
    let ledger = try SpoolLedger(ofStoppedAgent: workspace.folder.appending(path: "agent-state"))
    let times = try await broker.readings(of: "uptime", device: "boxed").map(\.time)
    let text = String(decoding: try await broker.get("metrics").body, as: UTF8.self)
    finding.readings = times.count
    finding.gaps = metric("hawser_gap_packs_total", in: text)
    guard Set(times).count == times.count else { throw TestFailure("a reading twice: \(times)") }
    let made = Int(ledger.nextSequence) - 1
    guard Int(ledger.acknowledged.count) == made else {
      throw TestFailure("of \(made) packs \(ledger.acknowledged) are acknowledged")
    }
    guard times.count == made - finding.gaps, times.count >= 3 else {
      throw TestFailure("\(made) packs, \(finding.gaps) given up, \(times.count) readings")
    }
  }
}
