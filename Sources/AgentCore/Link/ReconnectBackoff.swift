/// How long to wait before the next attempt to reach the broker.
///
/// At once after a good link (with a little jitter, so that a broker's restart is not answered by
/// its whole fleet in one instant), then exponentially with full jitter. What the broker asked for
/// outranks both. After a refusal that a person must lift, slowly, but for ever.
package struct ReconnectBackoff: Hashable, Sendable {
  /// The constants; tests of real processes shorten them.
  package struct Policy: Hashable, Sendable {
    /// The first attempt after a good link comes within this, 1 s.
    package var immediate: Duration = .seconds(1)
    /// The first ceiling of the exponential part, 1 s; it doubles with every attempt.
    package var base: Duration = .seconds(1)
    /// The last ceiling, 5 min.
    package var ceiling: Duration = .seconds(300)
    /// A link that was acknowledged for so long counts as good, 60 s.
    package var goodAfter: Duration = .seconds(60)
    /// The wait after close codes 4500–4999, 15 min.
    package var afterRefusal: Duration = .seconds(900)
    /// The longest wait that a broker may ask for, 1 h: a mistaken answer must not silence a
    /// device for good.
    package var longestAsked: Duration = .seconds(3600)

    /// The production constants.
    package init() {}
  }

  /// What the end of a link, or of an attempt, means for the next attempt.
  package enum Cause: Hashable, Sendable {
    /// Nothing was said: cut, reset, not reachable, closed with an ordinary code.
    case lost
    /// The broker named a span of seconds in `bye`, or a moment in `Retry-After`.
    case askedToWait(ClosedRange<Duration>)
    /// The broker does not want this device before somebody changes something (4500–4999).
    case refused
  }

  private let policy: Policy
  /// Attempts since the last good link.
  package private(set) var attempts = 0

  /// A backoff that has seen no attempt.
  package init(policy: Policy = Policy()) {
    self.policy = policy
  }

  /// The wait before the next attempt.
  /// - Parameters:
  ///   - cause: how the last attempt or link ended.
  ///   - acknowledgedFor: time between the first and the last acknowledgement on it; nil when
  ///     there was none.
  ///   - generator: where jitter comes from.
  /// - Returns: the wait.
  package mutating func delay(
    after cause: Cause, acknowledgedFor: Duration?,
    using generator: inout some RandomNumberGenerator
  ) -> Duration {
    if let acknowledgedFor, acknowledgedFor >= policy.goodAfter { attempts = 0 }
    defer { attempts += 1 }
    switch cause {
    case .askedToWait(let range):
      let low = min(max(range.lowerBound, .zero), policy.longestAsked)
      let high = min(max(range.upperBound, low), policy.longestAsked)
      return .random(in: low...high, using: &generator)
    case .refused:
      return .random(in: policy.afterRefusal * 0.9...policy.afterRefusal, using: &generator)
    case .lost where attempts == 0:
      return .random(in: .zero...policy.immediate, using: &generator)
    case .lost:
      // 2^20 seconds are beyond any ceiling; the shift must not overflow after days of attempts.
      let doubled = policy.base * (1 << min(attempts - 1, 20))
      return .random(in: .zero...min(doubled, policy.ceiling), using: &generator)
    }
  }
}
