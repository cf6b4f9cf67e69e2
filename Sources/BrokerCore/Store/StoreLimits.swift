package import TelemetryModel

/// How long a store keeps what it was given, and how large it may become.
///
/// Nothing is given up before its time; it may stay a little longer, as rows hold many readings.
package struct StoreLimits: Sendable {
  /// Readings themselves, and so windows of a second, which are made of them.
  package var raw: Duration = .seconds(86_400)
  /// Windows of ten seconds.
  package var s10: Duration = .seconds(7 * 86_400)
  /// Windows of a minute.
  package var m1: Duration = .seconds(30 * 86_400)
  /// Windows of ten minutes.
  package var m10: Duration = .seconds(180 * 86_400)
  /// Windows of an hour.
  package var h1: Duration = .seconds(730 * 86_400)
  /// The largest the store may become on disk, in bytes; nil for as large as the disk. When it is
  /// reached the oldest readings go first, then windows, the shortest first.
  package var maxBytes: Int64?

  /// A day of readings, two years of hours, and days for ever.
  package init() {}

  /// How long something is kept; nil for ever.
  package subscript(resolution: Resolution) -> Duration? {
    switch resolution {
    case .raw, .s1: raw
    case .s10: s10
    case .m1: m1
    case .m10: m10
    case .h1: h1
    case .d1: nil
    }
  }
}

/// What a store takes up, and what it has given up to stay within its limits.
package struct StoreUsage: Sendable {
  /// Bytes on disk, everything included.
  package var bytes: Int64
  /// Of these, bytes that are free to be used again.
  package var freeBytes: Int64 = 0
  /// Bytes that are free on its disk; nil where that is not known.
  package var diskFreeBytes: Int64?
  /// The most there may be; nil without a limit.
  package var maxBytes: Int64?
  /// Readings that are durable but not in their compressed place yet.
  package var unfoldedReadings = 0
  /// Readings given up before their time since the store was opened, because it was at its limit.
  package var readingsGivenUp: UInt64 = 0
  /// Why the store cannot be kept in order now, where it still takes data; nil where all is well.
  package var problem: String?

  /// Knows the size only.
  package init(bytes: Int64) {
    self.bytes = bytes
  }
}
