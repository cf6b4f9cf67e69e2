/// When samples are due: on a fixed grid from the start, so that late wake-ups do not add up, and
/// moments that were missed (machine suspended or overloaded) are counted, not made up for.
package struct SampleSchedule: Hashable, Sendable {
  /// The distance between samples.
  package let interval: Duration
  /// The next moment on the grid, on the monotonic clock.
  package private(set) var nextDue: Duration
  /// Moments of the grid that passed without a sample since the start.
  package private(set) var skipped = 0

  /// A grid whose first moment is `start`; an interval below 1 ms is taken for 1 ms.
  package init(start: Duration, interval: Duration) {
    self.interval = max(interval, .milliseconds(1))
    nextDue = start
  }

  /// Takes the moment that is due, if one is: then a sample is to be taken now, and, the grid moves on to the first moment after
  /// `now`.
  package mutating func take(at now: Duration) -> Bool {
    guard now >= nextDue else { return false }
    let missed = Int((now - nextDue) / interval)
    skipped += missed
    nextDue += interval * (missed + 1)
    return true
  }
}
