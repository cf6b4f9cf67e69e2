extension Timestamp {
  /// The first moment that RFC 3339 can say: the beginning of the year 0.
  package static let firstDate = Timestamp(microseconds: -62_167_219_200_000_000)
  /// The last moment that RFC 3339 can say: the end of the year 9999.
  package static let lastDate = Timestamp(microseconds: 253_402_300_799_999_999)

  /// The nearest moment that RFC 3339 can say. What people ask for is held to it: nothing was measured
  /// beyond.
  package var clampedToDates: Timestamp { min(max(self, .firstDate), .lastDate) }

  /// Appends the moment in the form of RFC 3339, in UTC: `2026-01-31T12:00:00Z`, with as many
  /// decimals as it has, six at most. Years beyond 0…9999, which that form lacks, are clamped.
  package func writeRFC3339(into bytes: inout [UInt8]) {
    let clamped = clampedToDates.microseconds
    let seconds = Timestamp.floor(clamped, by: 1_000_000)
    let days = Timestamp.floor(seconds, by: 86_400)
    let (year, month, day) = Timestamp.civil(day: days)
    let second = seconds - days * 86_400
    Timestamp.append(year, 4, &bytes)
    bytes.append(UInt8(ascii: "-"))
    Timestamp.append(month, 2, &bytes)
    bytes.append(UInt8(ascii: "-"))
    Timestamp.append(day, 2, &bytes)
    bytes.append(UInt8(ascii: "T"))
    Timestamp.append(second / 3600, 2, &bytes)
    bytes.append(UInt8(ascii: ":"))
    Timestamp.append(second / 60 % 60, 2, &bytes)
    bytes.append(UInt8(ascii: ":"))
    Timestamp.append(second % 60, 2, &bytes)
    let fraction = clamped - seconds * 1_000_000
    if fraction > 0 {
      bytes.append(UInt8(ascii: "."))
      Timestamp.append(fraction, 6, &bytes)
      while bytes.last == UInt8(ascii: "0") { bytes.removeLast() }
    }
    bytes.append(UInt8(ascii: "Z"))
  }

  private static func floor(_ value: Int64, by divisor: Int64) -> Int64 {
    value / divisor - (value % divisor < 0 ? 1 : 0)
  }

  /// The date of a day counted from 1970-01-01 in the Gregorian calendar: years are taken to begin
  /// in March, so that the leap day is the last of one (H. Hinnant, "chrono-Compatible Low-Level
  /// Date Algorithms", `civil_from_days`).
  private static func civil(day: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = day + 719_468
    let era = floor(shifted, by: 146_097)
    let dayOfEra = shifted - era * 146_097
    let yearOfEra =
      (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let fromMarch = (5 * dayOfYear + 2) / 153
    let month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    return (year, month, dayOfYear - (153 * fromMarch + 2) / 5 + 1)
  }

  private static func append(_ number: Int64, _ digits: Int, _ bytes: inout [UInt8]) {
    var divisor: Int64 = 1
    for _ in 1..<digits { divisor *= 10 }
    while divisor > 0 {
      bytes.append(UInt8(truncatingIfNeeded: number / divisor % 10) + UInt8(ascii: "0"))
      divisor /= 10
    }
  }
}
