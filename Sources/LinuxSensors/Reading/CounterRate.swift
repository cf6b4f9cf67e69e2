/// Turns a growing counter into a rate.
///
/// A counter that became smaller either wrapped at 2^32 (32-bit kernels count network bytes,
/// sectors and ticks so) or was reset (interface re-created, driver reloaded). It is taken for a
/// wrap only when it stood in the last quarter before 2^32 and is now in the first; a reset gives
/// no rate for that one sample.
struct CounterRate {
  private var last: (value: UInt64, at: Duration)?

  /// What was counted a second since the previous call; nil the first time, after a reset, and
  /// when no time has passed.
  mutating func perSecond(_ value: UInt64, at now: Duration) -> Double? {
    defer { last = (value, now) }
    guard let last, now > last.at, let counted = Self.counted(from: last.value, to: value)
    else { return nil }
    let (seconds, attoseconds) = (now - last.at).components
    return Double(counted) / (Double(seconds) + Double(attoseconds) * 1e-18)
  }

  /// What was counted between two values; nil for a reset.
  static func counted(from old: UInt64, to new: UInt64) -> UInt64? {
    if new >= old { return new - old }
    let range: UInt64 = 1 << 32
    guard old < range, old >= range / 4 * 3, new < range / 4 else { return nil }
    return range - old + new
  }
}
