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

extension String {
  /// The text as one part of a metric's name: characters that RFC 8428 §4.5.1 does not have, and
  /// the dot, which separates parts here, become `_`.
  var asMetricPart: String {
    let allowed = utf8.map { byte -> UInt8 in
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
        byte
      default: UInt8(ascii: "_")
      }
    }
    return String(decoding: allowed, as: UTF8.self)
  }
}
