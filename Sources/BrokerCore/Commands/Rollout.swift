package import TelemetryModel

/// One command on its way through a fleet, as a pure machine: says which devices are next.
///
/// Devices that are here get it, so many at a time and in waves; those that are away when their turn
/// comes get it when they are back, until the rollout's time is over. It stops by itself where too many
/// fail. Whatever it knows is kept, so that it goes on after a restart.
package struct Rollout: Sendable {
  /// How far a rollout is.
  package enum State: String, CaseIterable, Sendable {
    /// It goes on.
    case running
    /// Somebody has it wait.
    case paused
    /// Too many devices failed; it waits until somebody resumes it.
    case stopped
    /// Somebody ended it.
    case cancelled
    /// Every device has an outcome.
    case finished

    /// Whether nothing of it will be started any more.
    package var isOver: Bool { self == .cancelled || self == .finished }
  }

  /// What has become of a device's part, as far as no command says more.
  package enum Part: Hashable, Sendable {
    /// Its turn has not come, or it is away.
    case waiting
    /// It was ordered: the command says the rest.
    case ordered(command: String)
    /// It does not fit the device, for this reason.
    case rejected(String)
    /// The rollout's time was over before the device came.
    case expired
    /// The rollout was ended before.
    case skipped
  }

  /// What is to be made durable.
  package enum Change: Hashable, Sendable {
    /// The rollout's own state.
    case state(RolloutStatus)
    /// A device's part.
    case part(DeviceID, Part)
  }

  /// How few devices' outcomes a failure rate is taken of at least, where there are as many.
  package static let leastSample = 10

  /// What was ordered.
  package let plan: RolloutPlan
  /// Where it stands.
  package private(set) var status: RolloutStatus
  /// Devices whose turn has not come, in order.
  private var waiting: [DeviceID]
  /// Devices that were given it and have no outcome yet.
  private var open: Set<DeviceID>
  private let total: Int
  private var succeeded: Int
  private var failed: Int
  /// How many were given it in this wave.
  private var inWave = 0
  private var pausedUntil: Timestamp?

  /// A rollout as it stands; `parts` are all its devices, `outcome` says what a command came to, nil
  /// where it goes on.
  package init(
    _ plan: RolloutPlan, status: RolloutStatus = RolloutStatus(), parts: [(DeviceID, Part)],
    outcome: (String) -> CommandPhase? = { _ in nil }
  ) {
    self.plan = plan
    self.status = status
    total = parts.count
    waiting = []
    open = []
    succeeded = 0
    failed = 0
    for (device, part) in parts {
      switch part {
      case .waiting: waiting.append(device)
      case .ordered(let command):
        guard let outcome = outcome(command) else {
          open.insert(device)
          continue
        }
        count(outcome)
      case .rejected, .expired, .skipped: break
      }
    }
  }

  /// Whether nothing is to be done any more.
  package var isOver: Bool { status.state.isOver && open.isEmpty }

  /// Devices that may be told when they come.
  package func isWaiting(for device: DeviceID) -> Bool { waiting.contains(device) }

  /// When ``next(now:isPresent:)`` may say something by time alone.
  package var deadline: Timestamp? {
    guard !status.state.isOver else { return nil }
    return min(plan.expires, pausedUntil ?? plan.expires)
  }

  /// The share of devices that failed, of those that have an outcome, since it was last resumed.
  private var failureRate: Double {
    let failures = failed - status.forgivenFailures
    let ended = failures + succeeded - status.forgivenSuccesses
    return Double(failures) / Double(max(ended, min(Rollout.leastSample, total), 1))
  }

  private mutating func count(_ outcome: CommandPhase) {
    switch outcome {
    case .succeeded: succeeded += 1
    case .failed, .rejected, .unknown: failed += 1
    default: break
    }
  }

  /// A device's command ended.
  package mutating func ended(_ device: DeviceID, _ outcome: CommandPhase) {
    guard open.remove(device) != nil else { return }
    count(outcome)
  }

  /// What is next: which devices are to be given it now, and what changed.
  package mutating func next(
    now: Timestamp, isPresent: (DeviceID) -> Bool
  ) -> (devices: [DeviceID], changes: [Change]) {
    var changes: [Change] = []
    if !status.state.isOver, now >= plan.expires {
      changes += giveUp(status.state == .running ? .expired : .skipped)
    }
    if status.state == .running, let limit = plan.maxFailureRate, failureRate > limit {
      let percent = Int((failureRate * 100).rounded())
      changes.append(move(to: .stopped, "\(percent) % of the devices failed"))
    }
    if !status.state.isOver, waiting.isEmpty, open.isEmpty {
      changes.append(move(to: .finished, "every device has an outcome"))
    }
    guard status.state == .running, !waiting.isEmpty else { return ([], changes) }
    return (start(now: now, isPresent: isPresent), changes)
  }

  private mutating func start(
    now: Timestamp, isPresent: (DeviceID) -> Bool
  ) -> [DeviceID] {
    if let until = pausedUntil {
      guard now >= until else { return [] }
      pausedUntil = nil
    }
    // Of those that went away the outcome comes late: nobody waits for them.
    var busy = open.count { isPresent($0) }
    if let wave = plan.wave, inWave >= wave {
      guard busy == 0 else { return [] }
      inWave = 0
      guard plan.pause == .zero else {
        pausedUntil = now + plan.pause
        return []
      }
    }
    var devices: [DeviceID] = []
    var rest: [DeviceID] = []
    for device in waiting {
      if busy < plan.concurrency, inWave < plan.wave ?? .max, isPresent(device) {
        busy += 1
        inWave += 1
        devices.append(device)
      } else {
        rest.append(device)
      }
    }
    waiting = rest
    open.formUnion(devices)
    return devices
  }

  /// A device that was to be given it could not be: it does not fit, or, without a reason, is to have
  /// its turn again.
  package mutating func refused(_ device: DeviceID, _ reason: String?) -> [Change] {
    guard open.remove(device) != nil else { return [] }
    guard let reason else {
      waiting.append(device)
      return []
    }
    return [.part(device, .rejected(reason))]
  }

  /// Somebody has it wait.
  package mutating func pause(by actor: String) -> [Change] {
    guard status.state == .running else { return [] }
    return [move(to: .paused, "paused by \(actor)")]
  }

  /// Somebody has it go on; what failed until now is forgiven.
  package mutating func resume(by actor: String) -> [Change] {
    guard status.state == .paused || status.state == .stopped else { return [] }
    status.forgivenFailures = failed
    status.forgivenSuccesses = succeeded
    pausedUntil = nil
    return [move(to: .running, "resumed by \(actor)")]
  }

  /// Somebody ends it: nothing more is started. What is under way is for the caller to cancel.
  package mutating func cancel(by actor: String) -> [Change] {
    guard !status.state.isOver else { return [] }
    return [move(to: .cancelled, "cancelled by \(actor)")] + giveUp(.skipped)
  }

  private mutating func giveUp(_ part: Part) -> [Change] {
    defer { waiting = [] }
    return waiting.map { .part($0, part) }
  }

  private mutating func move(to state: State, _ cause: String) -> Change {
    status.state = state
    status.cause = cause
    return .state(status)
  }
}

/// Where a rollout stands; all that changes of it itself.
package struct RolloutStatus: Hashable, Sendable {
  /// How far it is.
  package var state: Rollout.State
  /// Why, in words.
  package var cause: String
  /// Failures before it was last resumed: they do not count any more.
  package var forgivenFailures: Int
  /// Successes before it was last resumed.
  package var forgivenSuccesses: Int

  /// Names all parts; by default it has just been ordered.
  package init(
    state: Rollout.State = .running, cause: String = "ordered", forgivenFailures: Int = 0,
    forgivenSuccesses: Int = 0
  ) {
    self.state = state
    self.cause = cause
    self.forgivenFailures = forgivenFailures
    self.forgivenSuccesses = forgivenSuccesses
  }
}
