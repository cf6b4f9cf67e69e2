import AgentCore
import CWallClock
import Glibc
import TelemetryModel

/// The machine's clocks.
enum SystemClock {
  /// Now, on both clocks.
  static func now() -> SampleTime {
    let wall = read(CLOCK_REALTIME)
    // Counts on while the machine sleeps, so that a link that died meanwhile is known to be old.
    let boot = read(CLOCK_BOOTTIME)
    return SampleTime(
      wall: Timestamp(microseconds: Int64(wall.tv_sec) * 1_000_000 + Int64(wall.tv_nsec) / 1000),
      monotonic: .seconds(boot.tv_sec) + .nanoseconds(boot.tv_nsec))
  }

  /// Within the days before this program was built.
  static let builtAt = Timestamp(microseconds: hawser_built_at() * 1_000_000)

  /// Has the dates of certificates checked against no earlier moment, in the whole process.
  static func trust(_ moment: Timestamp) {
    hawser_set_time_floor(moment.microseconds / 1_000_000)
  }

  private static func read(_ clock: clockid_t) -> timespec {
    var time = timespec()
    clock_gettime(clock, &time)
    return time
  }
}
