import AgentCore
import DeviceProtocol
import Foundation
import TestSupport
import TestValues
import Testing

extension EndToEndTests {
  /// kill -9 of broker and agents at random under load.
  @Suite("Kills", .timeLimit(.minutes(60)))
  struct Kills {
    /// `HAWSER_KILLS` says how often; 12 times where nothing does. `HAWSER_KILLS_SEED` repeats a run
    /// as far as real processes can.
    @Test(
      "No reading that was acknowledged is lost, and none counts twice",
      .enabled(if: Checkout.runsSlowTests, "config/test.sh --slow and CI run it"))
    func anyoneAtAnyTime() async throws {
      let environment = ProcessInfo.processInfo.environment
      let kills = environment["HAWSER_KILLS"].flatMap { Int($0) } ?? 12
      let seed = environment["HAWSER_KILLS_SEED"].flatMap { UInt64($0) } ?? .random(in: 1...9999)
      try await Workspace.use { workspace in
        var fleet = try await KilledFleet(workspace, seed: seed)
        do {
          for _ in 0..<kills { try await fleet.kill() }
          try await fleet.settle()
          let counts = try await fleet.count()
          print("seed \(seed): \(fleet.summary); \(counts.joined(separator: "; "))")
        } catch let failure as TestFailure {
          throw TestFailure("HAWSER_KILLS_SEED=\(seed), \(fleet.summary): \(failure.description)")
        }
      }
    }
  }
}

/// A broker and four busy agents, any of which can be killed. One agent is behind a box that lets no
/// WebSocket through, so that its link is made of requests.
struct KilledFleet {
  /// How an agent keeps what waits: each reading before it is sent, or what waits for long.
  private static let syncIntervals = ["0s", "0s", "1s", "5s"]
  /// Twenty packs a second from each.
  private static let samplingInterval = "50ms"

  private let workspace: Workspace
  private let port: Int
  private var broker: BrokerRun
  /// The broker's address as the last agent has to call it.
  private let boxed: URL
  private var agents: [ProgramRun] = []
  private var random: Seeded
  private var starts = 0
  private var brokerKills = 0
  private var agentKills = 0

  var summary: String { "\(brokerKills) kills of the broker, \(agentKills) of agents" }

  init(_ workspace: Workspace, seed: UInt64) async throws {
    self.workspace = workspace
    random = Seeded(seed)
    port = try FreePort.pick()
    broker = try await workspace.startBroker(port: port)
    let box = try workspace.startPeer(
      "middlebox", script: "middlebox.py", ["strip", "--to", "\(port)"])
    guard let url = URL(string: "http://127.0.0.1:\(try await box.listeningPort())") else {
      throw TestFailure("no address of the box")
    }
    boxed = url
    for index in Self.syncIntervals.indices { agents.append(try startAgent(index)) }
  }

  private func device(_ index: Int) -> String { "victim-\(index)" }

  private mutating func startAgent(
    _ index: Int, interval: String = samplingInterval
  ) throws -> ProgramRun {
    starts += 1
    return try workspace.startAgent(
      "agent-\(index)-\(starts)", device: device(index),
      broker: index == Self.syncIntervals.indices.last ? boxed : broker.url,
      arguments: [
        "--set", "sampling.sensors=uptime", "--set", "sampling.interval=\(interval)",
        "--set", "spool.syncInterval=\(Self.syncIntervals[index])",
        // A broker that is back is found at once, so that kills meet links rather than waits.
        "--set", "link.reconnect.first=50ms", "--set", "link.reconnect.most=1s",
        "--set", "link.heartbeat.timeout=1s",
      ])
  }

  /// Waits a little, kills somebody, and starts the same again.
  mutating func kill() async throws {
    try await Task.sleep(for: .milliseconds(Int.random(in: 20...2500, using: &random)))
    if Int.random(in: 0..<5, using: &random) < 2 {
      broker.run.send(SIGKILL)
      try await broker.run.end()
      brokerKills += 1
      starts += 1
      broker = try await workspace.startBroker("broker-\(starts)", port: port)
    } else {
      let index = Int.random(in: agents.indices, using: &random)
      guard agents[index].hasEnded == nil else {
        throw TestFailure("an agent ended by itself\n\(agents[index].transcript)")
      }
      agents[index].send(SIGKILL)
      try await agents[index].end()
      agentKills += 1
      agents[index] = try startAgent(index)
    }
  }

  /// Stops all agents in order, once everything that waited is with the broker.
  mutating func settle() async throws {
    for index in agents.indices {
      agents[index].send(SIGTERM)
      try await agents[index].end()
      var rounds = 0
      while try !spool(index).stored.isEmpty {
        rounds += 1
        guard rounds <= 5 else {
          throw TestFailure(
            "\(device(index)) does not get rid of what waits\n\(agents[index].transcript)")
        }
        let last = try startAgent(index, interval: "3600s")
        try await waitUntil("\(device(index)) to be linked", detail: { last.transcript }) {
          last.output.contains("connected to") ? true : nil
        }
        try await Task.sleep(for: .seconds(2))
        last.send(SIGTERM)
        try await last.end()
        agents[index] = last
      }
    }
  }

  private func spool(_ index: Int) throws -> SpoolLedger {
    try SpoolLedger(
      ofStoppedAgent: workspace.folder.appending(path: "agent-state-\(device(index))"))
  }

  /// Holds what the broker has against what the agents know to be acknowledged.
  /// - Returns: what there is, in words, for each agent.
  func count() async throws -> [String] {
    var words: [String] = []
    for index in agents.indices {
      let device = device(index)
      let ledger = try spool(index)
      let times = try await broker.readings(of: "uptime", device: device).map(\.time)
      guard Set(times).count == times.count else { throw TestFailure("\(device): a reading twice") }
      let gaps = try await gapPacks(of: device)
      let given = Int(ledger.nextSequence) - 1
      guard ledger.acknowledged.count == UInt64(given) else {
        throw TestFailure("\(device): of \(given) packs \(ledger.acknowledged) are acknowledged")
      }
      guard times.count == given - gaps else {
        throw TestFailure(
          "\(device): \(given) packs acknowledged, \(gaps) given up, but \(times.count) readings")
      }
      words.append("\(device): \(times.count) readings, \(gaps) in gaps")
    }
    return words
  }

  private struct Gaps: Decodable {
    struct Gap: Decodable {
      var from: Int
      var to: Int
    }
    var gaps: [Gap]
  }

  /// How many packs the broker has on record as given up.
  private func gapPacks(of device: String) async throws -> Int {
    let answer = try await broker.json(
      Gaps.self, "v1/history",
      query: [
        "device": device, "metric": "uptime", "from": "-2h", "resolution": "1h",
        "functions": "count",
      ])
    return answer.gaps.reduce(0) { $0 + $1.to - $1.from + 1 }
  }
}
