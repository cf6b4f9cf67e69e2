package import TelemetryModel

/// Whether a device that arrives is let in now, or told when to come back, as a pure machine.
///
/// Whoever is turned away gets a place in a line: the next one free at the rate at which arrivals are
/// taken. So a fleet that comes back in one instant comes back the second time one after another, and
/// the broker answers with 503 before its queue hurts rather than with 1013 once it is full.
package struct Admission: Sendable {
  /// What the broker takes.
  package struct Policy: Sendable {
    /// Devices let in a second, over any length of time.
    package var arrivalsPerSecond = 1_000
    /// How many seconds' worth may come at once after a quiet time.
    package var burstSeconds = 2
    /// How full the queue to the store may be when another device is let in, 0…1.
    package var maxQueueShare = 0.5
    /// The first place in the line while the store takes nothing or is behind.
    package var storeWait: Duration = .seconds(5)
    /// The last place in the line; it begins again behind it.
    package var longestWait: Duration = .seconds(300)

    /// The defaults above.
    package init() {}
  }

  /// Why a device is turned away. A closed set: a metric is labelled with it.
  package enum Cause: String, CaseIterable, Sendable {
    /// More arrive than the broker takes.
    case tooManyArrivals
    /// Too much waits for the store.
    case queueFull
    /// The store takes nothing.
    case storeUnavailable
    /// The broker stops.
    case stopping
    /// Another device has the same name, and its turn.
    case duplicateDevice
    /// As many HTTP sessions as the broker may hold.
    case tooManySessions
  }

  /// What becomes of an arrival.
  package enum Decision: Hashable, Sendable {
    /// It is let in.
    case admit
    /// It is to come back after this long.
    case comeBack(after: Duration, Cause)
  }

  /// What the broker is like at an arrival.
  package struct Load: Sendable {
    /// How full the queue to the store is, 0…1.
    package var queueShare: Double
    /// Whether the store takes data.
    package var storeAvailable: Bool

    /// Names both.
    package init(queueShare: Double, storeAvailable: Bool) {
      self.queueShare = queueShare
      self.storeAvailable = storeAvailable
    }
  }

  private let policy: Policy
  private var tokens: Double
  private var filled: Timestamp
  private var nextPlace: Timestamp
  private var nextTrial: Timestamp

  /// Takes a burst from the first moment.
  package init(policy: Policy, now: Timestamp) {
    self.policy = policy
    tokens = Double(policy.arrivalsPerSecond * policy.burstSeconds)
    filled = now
    nextPlace = now
    nextTrial = now
  }

  /// Decides about a device that arrives; `now` never jumps.
  package mutating func arrival(_ load: Load, now: Timestamp) -> Decision {
    let rate = Double(policy.arrivalsPerSecond)
    tokens = min(
      tokens + max(0, (now - filled).inSeconds) * rate, rate * Double(policy.burstSeconds))
    filled = now
    guard load.storeAvailable else {
      // One a second gets through all the same: only what arrives shows that the store is back.
      guard now >= nextTrial else {
        return .comeBack(after: place(behind: policy.storeWait, now: now), .storeUnavailable)
      }
      nextTrial = now + .seconds(1)
      return .admit
    }
    guard load.queueShare <= policy.maxQueueShare else {
      return .comeBack(after: place(behind: policy.storeWait, now: now), .queueFull)
    }
    guard tokens >= 1 else {
      return .comeBack(after: place(behind: .seconds(1), now: now), .tooManyArrivals)
    }
    tokens -= 1
    return .admit
  }

  /// The next place in the line, at `least` from now.
  package mutating func place(behind least: Duration, now: Timestamp) -> Duration {
    if nextPlace < now + least || nextPlace > now + policy.longestWait { nextPlace = now + least }
    defer { nextPlace = nextPlace + .seconds(1) / policy.arrivalsPerSecond }
    return nextPlace - now
  }
}
