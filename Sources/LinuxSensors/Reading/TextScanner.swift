/// Walks over the text of a kernel file: words, numbers, lines. Allocates nothing but what
/// `text` and `line` return.
struct TextScanner {
  private let bytes: [UInt8]
  private let end: Int
  private(set) var position = 0

  init(bytes: [UInt8], count: Int) {
    self.bytes = bytes
    self.end = count
  }

  init(_ text: String) {
    self.init(bytes: Array(text.utf8), count: text.utf8.count)
  }

  var isAtEnd: Bool { position >= end }

  /// Goes behind the next line feed; false when there is no further line.
  mutating func nextLine() -> Bool {
    while position < end, bytes[position] != UInt8(ascii: "\n") { position += 1 }
    position += 1
    return position < end
  }

  /// The bytes up to white space or `stop`, after white space within the line.
  mutating func word(upTo stop: UInt8? = nil) -> Range<Int>? {
    skipSpaces()
    let start = position
    while position < end, bytes[position] > UInt8(ascii: " "), bytes[position] != stop {
      position += 1
    }
    return position > start ? start..<position : nil
  }

  /// Goes over `expected` if it stands here.
  mutating func skip(_ expected: StaticString) -> Bool {
    guard end - position >= expected.utf8CodeUnitCount else { return false }
    for index in 0..<expected.utf8CodeUnitCount
    where bytes[position + index] != expected.utf8Start[index] {
      return false
    }
    position += expected.utf8CodeUnitCount
    return true
  }

  /// Goes over so many words; false when the line has fewer.
  mutating func skipWords(_ count: Int) -> Bool {
    for _ in 0..<count where word() == nil { return false }
    return true
  }

  /// An unsigned whole number after white space; wraps at 2^64 as the kernel's counters do.
  mutating func unsigned() -> UInt64? {
    skipSpaces()
    let start = position
    var value: UInt64 = 0
    while position < end, case let digit = bytes[position] &- UInt8(ascii: "0"), digit < 10 {
      value = value &* 10 &+ UInt64(digit)
      position += 1
    }
    return position > start ? value : nil
  }

  /// A whole number with an optional minus.
  mutating func signed() -> Int64? {
    skipSpaces()
    let isNegative = skip("-")
    guard let magnitude = unsigned(), let value = Int64(exactly: magnitude) else { return nil }
    return isNegative ? -value : value
  }

  /// A number with an optional fraction of up to nine digits, without an exponent.
  mutating func decimal() -> Double? {
    guard let whole = unsigned() else { return nil }
    guard skip(".") else { return Double(whole) }
    let start = position
    guard let fraction = unsigned() else { return nil }
    var divisor = 1.0
    for _ in start..<position { divisor *= 10 }
    // One rounding: below 2^53 all digits together are exact, so that 1.89 is the nearest there is.
    return (Double(whole) * divisor + Double(fraction)) / divisor
  }

  /// The rest of the line without white space around it.
  mutating func line() -> String {
    skipSpaces()
    let start = position
    while position < end, bytes[position] != UInt8(ascii: "\n") { position += 1 }
    var last = position
    while last > start, bytes[last - 1] <= UInt8(ascii: " ") { last -= 1 }
    return text(start..<last)
  }

  func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

  func equals(_ range: Range<Int>, _ name: [UInt8]) -> Bool {
    guard range.count == name.count else { return false }
    for index in 0..<name.count where bytes[range.lowerBound + index] != name[index] {
      return false
    }
    return true
  }

  private mutating func skipSpaces() {
    while position < end, bytes[position] == UInt8(ascii: " ") || bytes[position] == 9 {
      position += 1
    }
  }
}
