/// A moment as HTTP's fields write it (RFC 9110 §5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`, and the two
/// obsolete forms that have to be understood still.
package enum HTTPDate {
  /// Seconds since 1970; nil for anything else.
  ///
  /// - Parameter text: a field's value.
  /// - Returns: the moment.
  package static func seconds(_ text: String) -> Int64? {
    let words = text.split(whereSeparator: { $0 == " " || $0 == "," }).map(String.init)
    switch words.count {
    case 6 where words[5] == "GMT":
      return seconds(day: words[1], month: words[2], year: Int64(words[3]), time: words[4])
    case 4 where words[3] == "GMT":
      // Sunday, 06-Nov-94 08:49:37 GMT
      let date = words[1].split(separator: "-").map(String.init)
      guard date.count == 3, let short = Int64(date[2]), 0...99 ~= short else { return nil }
      return seconds(
        day: date[0], month: date[1], year: short < 70 ? 2000 + short : 1900 + short,
        time: words[2])
    case 5:
      // Sun Nov  6 08:49:37 1994
      return seconds(day: words[2], month: words[1], year: Int64(words[4]), time: words[3])
    default: return nil
    }
  }

  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  private static func seconds(day: String, month: String, year: Int64?, time: String) -> Int64? {
    let clock = time.split(separator: ":", omittingEmptySubsequences: false).map { Int64($0) }
    guard let day = Int64(day), 1...31 ~= day, let month = months.firstIndex(of: month),
      let year, 1970...9999 ~= year, clock.count == 3, let hour = clock[0], 0...23 ~= hour,
      let minute = clock[1], 0...59 ~= minute, let second = clock[2], 0...60 ~= second
    else { return nil }
    return dayNumber(year, Int64(month) + 1, day) * 86_400 + hour * 3600 + minute * 60 + second
  }

  /// Days since 1970 in the Gregorian calendar, years beginning in March (H. Hinnant,
  /// "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`).
  private static func dayNumber(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    let year = month <= 2 ? year - 1 : year
    let era = year / 400
    let yearOfEra = year - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }
}
