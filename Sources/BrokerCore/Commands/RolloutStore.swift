package import TelemetryModel

/// Where rollouts are kept; written by ``CommandStore/write(_:)``.
package protocol RolloutStore: CommandStore {
  /// Rollouts that are not over, oldest first. Called once, after the store was opened.
  func activeRollouts() async throws -> [StoredRollout]

  /// One rollout, with how many of its devices are in which state.
  func rollout(_ id: String) async throws -> RolloutRecord?

  /// Rollouts, newest first, before a number.
  func rollouts(before: Int64?, limit: Int) async throws -> [RolloutRecord]

  /// A rollout's devices in order, after a place.
  func parts(of rollout: String, after: Int64, limit: Int) async throws -> [RolloutPartRecord]
}

/// One device of a rollout.
package struct RolloutPart: Hashable, Sendable {
  /// Which device.
  package var device: DeviceID
  /// What has become of its part.
  package var part: Rollout.Part

  /// Names both.
  package init(device: DeviceID, part: Rollout.Part) {
    self.device = device
    self.part = part
  }
}

/// A rollout as it is kept.
package struct StoredRollout: Sendable {
  /// What was ordered.
  package var plan: RolloutPlan
  /// Where it stands.
  package var status: RolloutStatus
  /// All its devices, in order.
  package var parts: [RolloutPart]
  /// What those of its commands came to that are over.
  package var outcomes: [String: CommandPhase]

  /// Names all parts.
  package init(
    plan: RolloutPlan, status: RolloutStatus, parts: [RolloutPart],
    outcomes: [String: CommandPhase]
  ) {
    self.plan = plan
    self.status = status
    self.parts = parts
    self.outcomes = outcomes
  }
}

/// A rollout as it is shown.
package struct RolloutRecord: Sendable {
  /// Counts rollouts in the order in which they were ordered.
  package var number: Int64
  /// What was ordered.
  package var plan: RolloutPlan
  /// Where it stands.
  package var status: RolloutStatus
  /// How many devices are in which state: `waiting`, `skipped`, or a state of their command.
  package var counts: [String: Int]

  /// Names all parts.
  package init(number: Int64, plan: RolloutPlan, status: RolloutStatus, counts: [String: Int]) {
    self.number = number
    self.plan = plan
    self.status = status
    self.counts = counts
  }
}

/// One device of a rollout as it is shown.
package struct RolloutPartRecord: Sendable {
  /// Its place.
  package var number: Int64
  /// Which device.
  package var device: DeviceID
  /// Its command, once it has one.
  package var command: String?
  /// `waiting`, `skipped`, or the state of its command.
  package var state: String
  /// Why it got no command.
  package var cause: String?

  /// Names all parts.
  package init(number: Int64, device: DeviceID, command: String?, state: String, cause: String?) {
    self.number = number
    self.device = device
    self.command = command
    self.state = state
    self.cause = cause
  }
}

extension Rollout.Part {
  /// The word under which it is kept and shown; of an ordered one its command says more.
  package var word: String {
    switch self {
    case .waiting: "waiting"
    case .ordered: "ordered"
    case .rejected: "rejected"
    case .expired: "expired"
    case .skipped: "skipped"
    }
  }
}
