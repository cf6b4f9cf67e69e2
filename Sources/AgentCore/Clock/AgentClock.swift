package import TelemetryModel

/// What this machine can know of the time of day.
///
/// The system's clock counts as soon as it is plausible: not before this program was built, nor
/// before the last time that a broker told. Until then the broker's word does, carried on by the
/// monotonic clock.
package struct AgentClock: Hashable, Sendable {
  /// Nothing can be earlier than this.
  package private(set) var floor: Timestamp
  /// When this program was built, or some time before.
  private let builtAt: Timestamp
  /// What brokers told is left out of account for certificates.
  private var doubtsTold = false
  /// Wall time of the monotonic clock's zero, as the broker's word has it.
  private var zero: Timestamp?
  /// How far that can be off: half of the time that the broker's answer took.
  private var error: Duration = .zero

  /// When no version of this program had been built yet.
  package static let buildFloor = Timestamp(seconds: 1_767_225_600)

  /// A clock that has heard nothing yet.
  /// - Parameters:
  ///   - lastKnown: the last time told by a broker, from the agent's memory.
  ///   - builtAt: when this program was built, or some time before.
  package init(lastKnown: Timestamp? = nil, builtAt: Timestamp = buildFloor) {
    self.builtAt = builtAt
    floor = max(builtAt, lastKnown ?? builtAt)
  }

  /// Whether the system's clock can be right.
  package func isPlausible(_ wall: Timestamp) -> Bool {
    // A day's grace: the broker's own clock may have been ahead when it told.
    wall >= floor - .seconds(86_400)
  }

  /// The broker told its time in an answer that took so long.
  package mutating func heard(_ time: Timestamp, took: Duration, at monotonic: Duration) {
    let told = time + took / 2
    if zero == nil || took / 2 <= error { (zero, error) = (told - monotonic, took / 2) }
    // The monotonic clock drifts by some 50 µs a second; an older word is worth less.
    error += .microseconds(500)
    floor = max(floor, time)
  }

  /// The time of a moment on the monotonic clock of this boot.
  /// - Parameters:
  ///   - monotonic: the moment.
  ///   - now: both clocks now.
  /// - Returns: nil while nobody knows.
  package func wall(of monotonic: Duration, at now: SampleTime) -> Timestamp? {
    if isPlausible(now.wall) { return now.wall - (now.monotonic - monotonic) }
    return zero.map { $0 + monotonic }
  }

  /// The time of the broker's own clock, whatever this machine's says; nil before a broker has told
  /// it in this process.
  package func brokerTime(at monotonic: Duration) -> Timestamp? { zero.map { $0 + monotonic } }

  /// What it is now at least, for the dates of certificates: the latest of the system's clock, the
  /// time at which this program was built, and the last time that a broker told.
  package func trusted(at now: SampleTime) -> Timestamp {
    doubtsTold
      ? max(now.wall, builtAt) : max(now.wall, floor, wall(at: now) ?? floor)
  }

  /// A certificate was not valid by that time. A broker whose own clock was years ahead when it told
  /// must not keep a device away for good: the next attempt goes without its word, the one after that
  /// with it again.
  package mutating func certificateRefused() { doubtsTold.toggle() }

  /// Now; nil while nobody knows.
  package func wall(at now: SampleTime) -> Timestamp? { wall(of: now.monotonic, at: now) }
}
