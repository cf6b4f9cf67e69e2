import Simulation
import Testing

/// What a broker meets when its whole fleet comes back: ten thousand real link machines.
@Suite("A returning fleet")
struct ReturningFleetTests {
  private static let agents = 10_000

  private func run(
    _ going: ReturningFleet.Going, away seconds: Double, seed: UInt64
  ) -> ReturningFleet.Course {
    let fleet = ReturningFleet(
      agents: Self.agents, going: going, awaySeconds: seconds, seed: seed)
    let course = fleet.run()
    #expect(course.returns.count == Self.agents, "seed \(seed)")
    return course
  }

  @Test("After a restart that was announced, it comes back evenly over the span it was given")
  func announced() {
    let seed: UInt64 = 71
    // The default of shutdown.reconnectSpread: 2,000 a second on average.
    let course = run(
      .restart(.milliseconds(500)...(.milliseconds(5500))), away: 0.4, seed: seed)
    #expect(course.busiestReturn < 2250, "seed \(seed)")
    #expect(course.attempts.allSatisfy { (0.5...5.5).contains($0) }, "seed \(seed)")
  }

  @Test("After a crash of two minutes no second is worse than its first, and all is spread")
  func crash() {
    let seed: UInt64 = 72
    let course = run(.crash, away: 120, seed: seed)
    // The first attempt of everybody comes within a second: jitter spreads it over all of it.
    #expect(course.attempts.count { $0 < 1 } >= Self.agents, "seed \(seed)")
    let atReturn = course.busiestReturn
    #expect(atReturn < Self.agents / 20, "\(atReturn) in a second, seed \(seed)")
    #expect(course.back(share: 0.5) < 200, "seed \(seed)")
    #expect(course.back(share: 0.999) < 420, "seed \(seed)")
  }

  @Test("After a crash of seconds it is back within seconds, and not in one of them")
  func shortCrash() {
    let seed: UInt64 = 73
    let course = run(.crash, away: 5, seed: seed)
    #expect(course.busiestReturn < Self.agents / 3, "seed \(seed)")
    #expect(course.back(share: 0.99) < 40, "seed \(seed)")
  }
}
