// Rounding is a call into libm, which a module links by importing Glibc.
import Glibc

/// A moment of wall time, in whole microseconds since 1970-01-01T00:00:00 UTC.
///
/// Microseconds are what a `Double` of seconds, SenML's form, carries without loss in this century.
/// Arithmetic saturates at both ends (about ±292,000 years) rather than trapping on hostile input.
package struct Timestamp: Hashable, Comparable, Sendable, BitwiseCopyable {
  /// Microseconds since 1970 UTC; negative before.
  package var microseconds: Int64

  /// The moment this many microseconds after 1970 UTC.
  package init(microseconds: Int64) {
    self.microseconds = microseconds
  }

  /// The moment nearest to so many seconds after 1970 UTC: rounded to microseconds, saturated at
  /// both ends; not-a-number becomes 1970.
  package init(seconds: Double) {
    microseconds = Timestamp.saturatedMicroseconds(seconds: seconds)
  }

  /// Seconds since 1970 UTC, SenML's form of a time.
  package var seconds: Double { Double(microseconds) / 1_000_000 }

  /// The earliest moment that can be written down.
  package static let distantPast = Timestamp(microseconds: .min)
  /// The latest moment that can be written down.
  package static let distantFuture = Timestamp(microseconds: .max)

  /// Earlier is smaller.
  package static func < (left: Timestamp, right: Timestamp) -> Bool {
    left.microseconds < right.microseconds
  }

  /// The moment `duration` later, to the microsecond below; saturates.
  package static func + (time: Timestamp, duration: Duration) -> Timestamp {
    let (sum, overflow) = time.microseconds.addingReportingOverflow(duration.wholeMicroseconds)
    guard overflow else { return Timestamp(microseconds: sum) }
    return duration < .zero ? .distantPast : .distantFuture
  }

  /// The moment `duration` earlier; saturates.
  package static func - (time: Timestamp, duration: Duration) -> Timestamp {
    time + (.zero - duration)
  }

  /// How much later `left` is than `right`; negative when it is earlier. Saturates.
  package static func - (left: Timestamp, right: Timestamp) -> Duration {
    let (difference, overflow) = left.microseconds.subtractingReportingOverflow(right.microseconds)
    guard overflow else { return .microseconds(difference) }
    return .microseconds(left < right ? Int64.min : Int64.max)
  }

  static func saturatedMicroseconds(seconds: Double) -> Int64 {
    let exact = seconds * 1_000_000
    // In this range, adding 1.5 × 2^52 leaves no room for a fraction: rounding without libm.
    if exact.magnitude < 0x1p51 { return Int64(exact + 0x1.8p52 - 0x1.8p52) }
    let scaled = exact.rounded()
    // 2^63 is exactly representable; anything at or beyond it does not fit an Int64.
    if scaled >= 0x1p63 { return .max }
    if scaled <= -0x1p63 { return .min }
    return scaled.isNaN ? 0 : Int64(scaled)
  }
}

extension Timestamp: CustomStringConvertible {
  /// The seconds with their fraction, as on the wire: `1732274210.5`.
  package var description: String {
    var bytes: [UInt8] = []
    var writer = JSONWriter()
    writer.write(self)
    swap(&bytes, &writer.bytes)
    return String(decoding: bytes, as: UTF8.self)
  }
}

extension Duration {
  /// The whole microseconds in this duration, rounded towards minus infinity; saturates.
  package var wholeMicroseconds: Int64 {
    let (seconds, attoseconds) = components
    let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
    if overflow { return seconds < 0 ? .min : .max }
    let (quotient, remainder) = attoseconds.quotientAndRemainder(dividingBy: 1_000_000_000_000)
    let (sum, carried) = scaled.addingReportingOverflow(quotient - (remainder < 0 ? 1 : 0))
    if carried { return seconds < 0 ? .min : .max }
    return sum
  }

  /// The duration in seconds, the form of every duration on the wire.
  package var inSeconds: Double {
    let (seconds, attoseconds) = components
    return Double(seconds) + Double(attoseconds) * 1e-18
  }

  /// The duration nearest to so many seconds, to the microsecond; saturates, not-a-number is zero.
  package static func fromSeconds(_ seconds: Double) -> Duration {
    .microseconds(Timestamp.saturatedMicroseconds(seconds: seconds))
  }
}
