package import TelemetryModel

/// Ids of commands and rollouts: UUIDs of version 7 (RFC 9562 §5.7), which sort by time and cannot be
/// guessed.
package enum CommandID {
  /// An id for something that begins at `now`.
  package static func make(
    now: Timestamp, using random: inout some RandomNumberGenerator
  ) -> String {
    let milliseconds = UInt64(max(0, now.microseconds / 1_000)) & 0xFFFF_FFFF_FFFF
    let high = milliseconds << 16 | 0x7000 | UInt64.random(in: 0...0xFFF, using: &random)
    let low = 0x8000_0000_0000_0000 | UInt64.random(in: 0...0x3FFF_FFFF_FFFF_FFFF, using: &random)
    let digits = hex(high) + hex(low)
    var parts: [Substring] = []
    var rest = digits[...]
    for length in [8, 4, 4, 4, 12] {
      parts.append(rest.prefix(length))
      rest = rest.dropFirst(length)
    }
    return parts.joined(separator: "-")
  }

  private static func hex(_ number: UInt64) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
