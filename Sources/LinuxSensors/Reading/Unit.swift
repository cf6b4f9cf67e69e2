import AgentCore
import TelemetryModel

/// Units of the IANA SenML registry that this machine's readings have. Ratios are `/`, 0 to 1: the
/// registry's `%` means the same ratio, not hundredths (RFC 8428 §12.1, note 1). Rates are `bit/s`:
/// `B/s` is a secondary unit (RFC 8798), which receivers convert to it.
enum Unit {
  static let ratio = "/"
  static let bytes = "B"
  static let bitsPerSecond = "bit/s"
  static let celsius = "Cel"
  static let seconds = "s"
  static let count = "count"
}

extension [SenMLRecord] {
  mutating func append(_ name: String, _ value: Double, _ unit: String, at time: SampleTime) {
    append(SenMLRecord(name: name, unit: unit, time: time.wall, value: .number(value)))
  }
}
