import BrokerCore
import DeviceProtocol
import TelemetryModel
import Testing

@Suite("What a fleet knows of paths")
struct FleetPathsTests {
  private let start = Timestamp(seconds: 1_800_000_000)
  private let usual = HeartbeatPolicy(interval: .seconds(20), timeout: .seconds(50))
  private let network = NetworkKey(name: "wifi 10.0.0.1", source: "203.0.113.0/24")

  private func device(_ number: Int) throws -> DeviceID { try DeviceID("pi-\(number)") }

  private func report(
    safe: Double? = nil, fail: Double? = nil, interval: Double? = 20
  ) -> PathReport {
    PathReport(
      network: "wifi 10.0.0.1", safeSeconds: safe, failSeconds: fail, intervalSeconds: interval)
  }

  /// What a device is told where others on its network have learnt these limits.
  private func told(
    _ own: PathReport?, others fails: [Double], at time: Timestamp? = nil
  ) throws -> HeartbeatPolicy {
    var paths = FleetPaths()
    for (number, fail) in fails.enumerated() {
      paths.heard(report(fail: fail), from: try device(number + 1), on: network, now: start)
    }
    return paths.heartbeat(
      for: own, of: try device(0), on: network, usual: usual, now: time ?? start)
  }

  @Test("Where nothing is known it is the setting; so it is for agents that report no path")
  func nothingKnown() throws {
    #expect(try told(report(), others: []) == usual)
    #expect(try told(nil, others: []) == usual)
  }

  @Test("Two others that agree are believed: the interval ends below half of their limit")
  func believed() throws {
    #expect(
      try told(report(), others: [10, 12])
        == HeartbeatPolicy(interval: .seconds(5), timeout: .seconds(35)))
    #expect(try told(nil, others: [10, 12]).interval == .seconds(5))
    // A wild one beside them changes nothing.
    #expect(try told(report(), others: [0.1, 10, 12]).interval == .seconds(5))
    #expect(try told(report(), others: [0.1, 0.1]).interval == .seconds(2), "never shorter")
    #expect(try told(report(), others: [60, 61]) == usual, "never longer")
  }

  @Test("One voice alone can at most halve the interval")
  func oneVoice() throws {
    #expect(try told(report(), others: [30]).interval == .seconds(15))
    #expect(try told(report(), others: [5]).interval == .seconds(10))
    #expect(try told(report(), others: [5, 30]).interval == .seconds(10), "they do not agree")
  }

  @Test("A device that knows its own limit, or survived theirs, is not advised")
  func ownKnowledge() throws {
    #expect(try told(report(safe: 12, fail: 14), others: [10, 10]) == usual)
    #expect(try told(report(safe: 30), others: [25, 26]) == usual)
    #expect(try told(report(safe: 5), others: [10, 10]).interval == .seconds(5))
  }

  @Test("What a device said itself is not said to it again, and what it takes back is gone")
  func ownVoice() throws {
    var paths = FleetPaths()
    paths.heard(report(fail: 10), from: try device(0), on: network, now: start)
    #expect(
      paths.heartbeat(for: nil, of: try device(0), on: network, usual: usual, now: start) == usual)
    #expect(paths.count == 1)
    paths.heard(report(safe: 20), from: try device(0), on: network, now: start)
    #expect(paths.count == 0)
  }

  @Test("Other networks, and what is a month old, say nothing")
  func elsewhere() throws {
    var paths = FleetPaths()
    let there = NetworkKey(name: network.name, source: "198.51.100.0/24")
    paths.heard(report(fail: 10), from: try device(1), on: there, now: start)
    #expect(
      paths.heartbeat(for: nil, of: try device(0), on: network, usual: usual, now: start) == usual)
    #expect(try told(nil, others: [10, 10], at: start + .seconds(31 * 86_400)) == usual)
  }

  @Test("A device that has to save bytes may be silent for as long as its path survived")
  func metered() throws {
    #expect(
      try told(report(safe: 320, interval: 240), others: [])
        == HeartbeatPolicy(interval: .seconds(240), timeout: .seconds(270)))
    #expect(try told(report(safe: 2_000, interval: 1_500), others: []).interval == .seconds(240))
    #expect(try told(report(safe: 100, interval: 240), others: []) == usual, "it never survived it")
    #expect(try told(report(interval: 240), others: []) == usual)
    #expect(try told(report(safe: .infinity, interval: .nan), others: []) == usual)
  }

  @Test("Settings that leave no room behind the interval still give a timeout that is longer")
  func oddSettings() throws {
    let odd = HeartbeatPolicy(interval: .seconds(20), timeout: .seconds(4))
    let told = FleetPaths().heartbeat(
      for: report(safe: 200, interval: 100), of: try device(0), on: network, usual: odd, now: start)
    #expect(told.timeout > told.interval)
  }

  @Test("Memory is bounded; the networks heard of last stay")
  func bounded() throws {
    var policy = FleetPaths.Policy()
    policy.networks = 40
    var paths = FleetPaths(policy: policy)
    for number in 0..<1_000 {
      for voice in 0..<10 {
        paths.heard(
          report(fail: 10), from: try device(voice),
          on: NetworkKey(name: "net \(number)", source: nil), now: start + .seconds(number))
      }
      #expect(paths.count <= 40)
    }
    let last = paths.heartbeat(
      for: nil, of: try device(99), on: NetworkKey(name: "net 999", source: nil), usual: usual,
      now: start + .seconds(1_000))
    #expect(last.interval == .seconds(5))
  }
}
