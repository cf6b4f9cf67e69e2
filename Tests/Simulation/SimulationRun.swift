/// Many worlds, one seed after the other.
package struct SimulationRun: Sendable {
  /// What became of them.
  package struct Outcome: Sendable {
    /// Device-hours that were lived through.
    package var hours = 0.0
    /// Events that were handled.
    package var events = 0
    /// Seeds whose world went wrong, with the story of each.
    package var failures: [(seed: UInt64, story: String)] = []
  }

  /// How long each world lasts; its last hour, of quiet, comes on top and does not count.
  package static let hoursEach = 10.0

  /// Lives through the worlds of some seeds.
  /// - Parameters:
  ///   - seeds: the seeds.
  ///   - progress: told of each world's end.
  /// - Returns: what became of them.
  package static func run(
    _ seeds: some Sequence<UInt64>, progress: (Outcome) -> Void = { _ in }
  ) -> Outcome {
    var outcome = Outcome()
    for seed in seeds {
      let world = World(seed: seed)
      world.run(hours: hoursEach)
      outcome.hours += hoursEach
      outcome.events += world.handled
      if !world.violations.isEmpty { outcome.failures.append((seed, world.story)) }
      progress(outcome)
    }
    return outcome
  }
}

extension World {
  /// What there is to know of a failure, and how to see it again.
  package var story: String {
    """
    \(violations.first ?? "nothing went wrong")
    path: \(terrain)
    again: swift run simulate-networks --seed \(seed)
    """
  }
}
