package import TelemetryModel

/// Times as people and programs write them in queries.
package enum TimeText {
  /// Reads seconds since 1970 (`1767225600.5`), RFC 3339 (`2026-01-31T12:00:00.5Z`, any offset), or
  /// a time before now (`-10m`; units `s m h d`, decimals allowed), not before the year 1; nil for
  /// anything else. Numbers are digits, with up to twenty more behind a point.
  package static func parse(_ text: String, now: Timestamp) -> Timestamp? {
    (relative(text, now: now) ?? seconds(text) ?? rfc3339(text))?.clampedToDates
  }

  private static func relative(_ text: String, now: Timestamp) -> Timestamp? {
    guard text.first == "-", let unit = text.last,
      let length = ["s": 1.0, "m": 60, "h": 3600, "d": 86_400][unit],
      let count = decimal(text.dropFirst().dropLast(), digits: 9)
    else { return nil }
    return Timestamp(seconds: max(now.seconds - count * length, firstSecond))
  }

  /// More decimals than any program writes of a number.
  private static let mostDecimals = 20

  /// The first second of the year 1.
  private static let firstSecond = -62_135_596_800.0

  private static func decimal(_ text: Substring, digits limit: Int) -> Double? {
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard let whole = parts.first, (1...limit).contains(whole.utf8.count),
      parts.count < 2 || (1...mostDecimals).contains(parts[1].utf8.count),
      parts.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } })
    else { return nil }
    return Double(text)
  }

  private static func seconds(_ text: String) -> Timestamp? {
    decimal(text[...], digits: 11).map { Timestamp(seconds: $0) }
  }

  /// RFC 3339 §5.6 `date-time`; a leap second counts as the one after it.
  private static func rfc3339(_ text: String) -> Timestamp? {
    var rest = Array(text.utf8)[...]
    guard let year = number(&rest, 4), take("-", &rest), let month = number(&rest, 2),
      take("-", &rest), let day = number(&rest, 2), take("T", &rest) || take("t", &rest),
      let hour = number(&rest, 2), take(":", &rest), let minute = number(&rest, 2),
      take(":", &rest), let second = number(&rest, 2), let micros = fraction(&rest),
      let offset = offsetSeconds(&rest), rest.isEmpty,
      (1...12).contains(month), (1...days(in: month, of: year)).contains(day), hour < 24,
      minute < 60, second <= 60
    else { return nil }
    let time = dayNumber(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset
    return Timestamp(microseconds: Int64(time) * 1_000_000 + Int64(micros))
  }

  private static func take(_ character: Unicode.Scalar, _ rest: inout ArraySlice<UInt8>) -> Bool {
    guard rest.first == UInt8(ascii: character) else { return false }
    rest.removeFirst()
    return true
  }

  private static func number(_ rest: inout ArraySlice<UInt8>, _ digits: Int) -> Int? {
    guard rest.count >= digits else { return nil }
    var value = 0
    for _ in 0..<digits {
      let byte = rest.removeFirst()
      guard (0x30...0x39).contains(byte) else { return nil }
      value = value * 10 + Int(byte - 0x30)
    }
    return value
  }

  /// Microseconds; what is finer is cut off.
  private static func fraction(_ rest: inout ArraySlice<UInt8>) -> Int? {
    guard take(".", &rest) else { return 0 }
    var micros = 0
    var digits = 0
    while let byte = rest.first, (0x30...0x39).contains(byte) {
      rest.removeFirst()
      if digits < 6 { micros = micros * 10 + Int(byte - 0x30) }
      digits += 1
    }
    guard (1...mostDecimals).contains(digits) else { return nil }
    while digits < 6 {
      micros *= 10
      digits += 1
    }
    return micros
  }

  private static func offsetSeconds(_ rest: inout ArraySlice<UInt8>) -> Int? {
    if take("Z", &rest) || take("z", &rest) { return 0 }
    let sign: Int
    if take("+", &rest) || take(" ", &rest) {
      // A plus sign in a query that was not escaped arrives as a blank.
      sign = 1
    } else if take("-", &rest) {
      sign = -1
    } else {
      return nil
    }
    guard let hours = number(&rest, 2), take(":", &rest), let minutes = number(&rest, 2),
      hours < 24, minutes < 60
    else { return nil }
    return sign * (hours * 3600 + minutes * 60)
  }

  private static func days(in month: Int, of year: Int) -> Int {
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    return [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
  }

  /// Days since 1970 in the proleptic Gregorian calendar, counted in eras of 400 years that begin on
  /// 1 March, so that a leap day is a year's last.
  private static func dayNumber(_ year: Int, _ month: Int, _ day: Int) -> Int {
    let shifted = month <= 2 ? year - 1 : year
    let era = shifted / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468
  }
}
