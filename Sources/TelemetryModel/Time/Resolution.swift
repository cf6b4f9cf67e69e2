/// How closely telemetry is looked at: every reading as it came, or one value a window.
///
/// Windows tumble: they follow each other without overlap, and each starts at a whole multiple of
/// its length since 1970 UTC, so that windows of every device line up and a larger window is
/// exactly made of smaller ones.
package enum Resolution: String, CaseIterable, Sendable {
  /// The readings themselves.
  case raw
  /// Windows of one second.
  case s1 = "1s"
  /// Windows of ten seconds.
  case s10 = "10s"
  /// Windows of a minute.
  case m1 = "1m"
  /// Windows of ten minutes.
  case m10 = "10m"
  /// Windows of an hour.
  case h1 = "1h"
  /// Windows of a day, from midnight UTC.
  case d1 = "1d"

  /// The window's length in microseconds; nil for `raw`.
  package var lengthMicroseconds: Int64? {
    switch self {
    case .raw: nil
    case .s1: 1_000_000
    case .s10: 10_000_000
    case .m1: 60_000_000
    case .m10: 600_000_000
    case .h1: 3_600_000_000
    case .d1: 86_400_000_000
    }
  }

  /// The window's length; nil for `raw`.
  package var length: Duration? { lengthMicroseconds.map { .microseconds($0) } }

  /// The start of the window that holds `time` (its start belongs to it, its end does not); `time`
  /// itself for `raw`. Also right before 1970. The very first, cut window of time starts with it.
  package func windowStart(of time: Timestamp) -> Timestamp {
    guard let length = lengthMicroseconds else { return time }
    let remainder = time.microseconds % length
    let back = remainder < 0 ? remainder + length : remainder
    let (start, overflow) = time.microseconds.subtractingReportingOverflow(back)
    return overflow ? .distantPast : Timestamp(microseconds: start)
  }

  /// The next finer windows, which these are merged from; nil for `s1` (made of readings) and `raw`.
  package var finer: Resolution? {
    switch self {
    case .raw, .s1: nil
    case .s10: .s1
    case .m1: .s10
    case .m10: .m1
    case .h1: .m10
    case .d1: .h1
    }
  }
}
