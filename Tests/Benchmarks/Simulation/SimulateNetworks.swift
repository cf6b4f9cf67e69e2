import Glibc
import Simulation

/// `simulate-networks [--hours N] [--from SEED]`: so many device-hours of bad networks and crashes,
/// one world after the other from that seed on. `simulate-networks --seed SEED` tells the story of one.
/// Ends with 1 where an invariant did not hold.
@main
enum SimulateNetworks {
  static func main() {
    var arguments = CommandLine.arguments.dropFirst()
    var hours: UInt64 = 100
    var first: UInt64 = 1
    var story: UInt64?
    while let argument = arguments.popFirst() {
      guard let value = arguments.popFirst().flatMap({ UInt64($0) }) else { usage() }
      switch argument {
      case "--hours": hours = value
      case "--from": first = value
      case "--seed": story = value
      default: usage()
      }
    }
    if let story { tell(story) }
    let hoursEach = UInt64(SimulationRun.hoursEach)
    let count = max(1, (hours + hoursEach - 1) / hoursEach)
    let began = ContinuousClock.now
    var told = 0
    let outcome = SimulationRun.run(first..<first + count) { outcome in
      for failure in outcome.failures.dropFirst(told) {
        print("seed \(failure.seed): \(failure.story)")
      }
      told = outcome.failures.count
      if outcome.hours.truncatingRemainder(dividingBy: 1000) == 0 {
        print("\(Int(outcome.hours)) device-hours, \(told) failures")
      }
      fflush(nil)
    }
    print(
      """
      simulated \(Int(outcome.hours)) device-hours from seed \(first), \(outcome.events) events, in \
      \(ContinuousClock.now - began): \(outcome.failures.count) of \(count) worlds failed
      """)
    exit(outcome.failures.isEmpty ? 0 : 1)
  }

  private static func tell(_ seed: UInt64) -> Never {
    let world = World(seed: seed, isTold: true)
    world.run(hours: SimulationRun.hoursEach)
    print(world.story)
    exit(world.violations.isEmpty ? 0 : 1)
  }

  private static func usage() -> Never {
    print("usage: simulate-networks [--hours N] [--from SEED] | --seed SEED")
    exit(EX_USAGE)
  }
}
