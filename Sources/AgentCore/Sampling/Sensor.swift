package import TelemetryModel

/// When a sample is taken, on both clocks: records carry wall time, rates are computed from
/// monotonic time, which no clock step can bend.
package struct SampleTime: Hashable, Sendable {
  /// Wall time, as far as this machine knows it.
  package var wall: Timestamp
  /// Time since boot, suspended time included.
  package var monotonic: Duration

  /// A moment on both clocks.
  package init(wall: Timestamp, monotonic: Duration) {
    self.wall = wall
    self.monotonic = monotonic
  }
}

/// One source of readings. Used from one thread.
package protocol Sensor {
  /// A short word that settings and messages use: `cpu`, `network`.
  var name: String { get }

  /// Appends what can be read now; a rate's first reading has none yet and appends nothing.
  /// Must not block longer than reading a few small kernel files takes.
  /// - Throws: `SensorFailure` when the source cannot be read; what was appended before stays.
  mutating func read(
    at time: SampleTime, into records: inout [SenMLRecord]
  ) throws(SensorFailure)
}

/// Why a sensor cannot be read now, or is absent on this machine.
package struct SensorFailure: Error, Hashable, Sendable, CustomStringConvertible {
  /// The reason in words, with the path concerned.
  package let reason: String

  /// A failure with its reason.
  package init(_ reason: String) {
    self.reason = reason
  }

  /// The reason.
  package var description: String { reason }
}
