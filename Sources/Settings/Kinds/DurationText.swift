/// Durations as people write them: a number and a unit, `250ms`, `1.5s`, `5m`, `24h`, `30d`.
package enum DurationText {
  private static let units: [(suffix: String, nanoseconds: Int64)] = [
    ("d", 86_400_000_000_000), ("h", 3_600_000_000_000), ("min", 60_000_000_000),
    ("m", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1),
  ]

  /// Reads a duration; nil without a unit, when negative, or beyond 292 years.
  package static func parse(_ text: String) -> Duration? {
    guard let (number, suffix) = numberAndSuffix(text),
      let unit = units.first(where: { $0.suffix == suffix })
    else { return nil }
    let nanoseconds = (number * Double(unit.nanoseconds)).rounded()
    guard nanoseconds < 9.2e18 else { return nil }
    return .nanoseconds(Int64(nanoseconds))
  }

  /// Writes a duration in the largest unit that shows it whole.
  package static func text(_ duration: Duration) -> String {
    let (seconds, attoseconds) = duration.components
    let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    guard !overflow else { return "\(seconds)s" }
    let nanoseconds = whole + attoseconds / 1_000_000_000
    if nanoseconds == 0 { return "0s" }
    for unit in units where unit.suffix != "min" && nanoseconds % unit.nanoseconds == 0 {
      return "\(nanoseconds / unit.nanoseconds)\(unit.suffix)"
    }
    return "\(nanoseconds)ns"
  }
}

/// Sizes as people write them: a number and a unit, `64MiB`, `10MB`, `512B`, or bytes alone.
package enum ByteSize {
  private static let units: [(suffix: String, bytes: Int)] = [
    ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000),
    ("B", 1), ("", 1),
  ]

  /// Reads a size in bytes; nil for an unknown unit, a negative number, or more than an `Int`.
  package static func parse(_ text: String) -> Int? {
    guard let (number, suffix) = numberAndSuffix(text),
      let unit = units.first(where: { $0.suffix == suffix })
    else { return nil }
    let bytes = (number * Double(unit.bytes)).rounded()
    guard bytes < 9.2e18 else { return nil }
    return Int(bytes)
  }

  /// Writes a size in the largest binary unit that shows it whole.
  package static func text(_ bytes: Int) -> String {
    for unit in units where unit.suffix.hasSuffix("iB") && bytes != 0 && bytes % unit.bytes == 0 {
      return "\(bytes / unit.bytes)\(unit.suffix)"
    }
    return "\(bytes)B"
  }
}

/// `1.5 s` → (1.5, "s"). Only digits and one point make the number: no sign, no exponent, no
/// `inf`, which `Double` alone would let in.
private func numberAndSuffix(_ text: String) -> (Double, String)? {
  let digits = text.prefix { ("0"..."9").contains($0) || $0 == "." }
  guard digits.first != ".", digits.last != ".", let number = Double(digits) else { return nil }
  return (number, String(text[digits.endIndex...].drop { $0 == " " }))
}
