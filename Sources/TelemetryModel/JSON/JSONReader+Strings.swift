/// Where a string of JSON stands between its quotes, still as it is written.
package struct JSONStringSpan: Hashable, Sendable {
  /// The bytes between the quotes.
  package var range: Range<Int>
  /// Whether there are escapes in it, so that the bytes are not the text itself.
  package var isEscaped: Bool
  /// Whether all bytes are ASCII; otherwise the text has not been checked to be UTF-8 yet.
  package var isASCII: Bool

  /// Whether the text is `word`, which must be ASCII.
  @inline(__always)
  package func equals(_ word: StaticString, _ bytes: Span<UInt8>) -> Bool {
    guard !isEscaped else { return equalsSlowly(word, bytes) }
    guard range.count == word.utf8CodeUnitCount else { return false }
    return matches(word, bytes, at: range.lowerBound)
  }

  /// The text.
  ///
  /// - Throws: `badUTF8` or `badEscape` (also for a lone surrogate), with the string's offset.
  package func string(_ bytes: Span<UInt8>) throws(JSONError) -> String {
    if isEscaped {
      let text = try unescaped(bytes)
      return try JSONStringSpan.text(text.span, at: range.lowerBound)
    }
    return try JSONStringSpan.text(bytes.extracting(range), at: range.lowerBound)
  }

  /// Checks escapes and UTF-8 without keeping the text.
  func check(_ bytes: Span<UInt8>) throws(JSONError) {
    if isEscaped {
      let text = try unescaped(bytes)
      try JSONStringSpan.checkUTF8(text.span, at: range.lowerBound)
    } else {
      try JSONStringSpan.checkUTF8(bytes.extracting(range), at: range.lowerBound)
    }
  }

  /// The bytes with their escapes resolved; not yet checked to be UTF-8.
  func unescaped(_ bytes: Span<UInt8>) throws(JSONError) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(range.count)
    var index = range.lowerBound
    while index < range.upperBound {
      let byte = bytes[index]
      index += 1
      guard byte == UInt8(ascii: "\\") else {
        text.append(byte)
        continue
      }
      guard index < range.upperBound else { throw JSONError(.badEscape, at: index) }
      let letter = bytes[index]
      index += 1
      switch letter {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(letter)
      case UInt8(ascii: "b"): text.append(0x08)
      case UInt8(ascii: "f"): text.append(0x0C)
      case UInt8(ascii: "n"): text.append(0x0A)
      case UInt8(ascii: "r"): text.append(0x0D)
      case UInt8(ascii: "t"): text.append(0x09)
      case UInt8(ascii: "u"):
        let scalar = try unicodeEscape(bytes, after: &index)
        text.append(contentsOf: String(scalar).utf8)
      default: throw JSONError(.badEscape, at: index - 1)
      }
    }
    return text
  }

  /// One `\uXXXX`, or two that make a surrogate pair; `index` stands behind the `u`.
  private func unicodeEscape(
    _ bytes: Span<UInt8>, after index: inout Int
  ) throws(JSONError) -> Unicode.Scalar {
    var code = try fourHexDigits(bytes, at: index)
    let start = index
    index += 4
    if code & 0xFC00 == 0xD800, index + 6 <= range.upperBound, matches("\\u", bytes, at: index) {
      let low = try fourHexDigits(bytes, at: index + 2)
      if low & 0xFC00 == 0xDC00 {
        code = 0x10000 + (code & 0x3FF) << 10 + low & 0x3FF
        index += 6
      }
    }
    guard let scalar = Unicode.Scalar(code) else { throw JSONError(.badEscape, at: start) }
    return scalar
  }

  private func fourHexDigits(_ bytes: Span<UInt8>, at start: Int) throws(JSONError) -> UInt32 {
    guard start + 4 <= range.upperBound else { throw JSONError(.badEscape, at: start) }
    var code: UInt32 = 0
    for index in start..<start + 4 {
      let byte = bytes[index]
      let digit: UInt8
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
      default: throw JSONError(.badEscape, at: index)
      }
      code = code << 4 | UInt32(digit)
    }
    return code
  }

  private func equalsSlowly(_ word: StaticString, _ bytes: Span<UInt8>) -> Bool {
    guard let text = try? unescaped(bytes) else { return false }
    return text.count == word.utf8CodeUnitCount && matches(word, text.span, at: 0)
  }

  private static func text(_ bytes: Span<UInt8>, at offset: Int) throws(JSONError) -> String {
    do {
      return String(copying: try UTF8Span(validating: bytes))
    } catch {
      throw JSONError(.badUTF8, at: offset)
    }
  }

  private static func checkUTF8(_ bytes: Span<UInt8>, at offset: Int) throws(JSONError) {
    do {
      _ = try UTF8Span(validating: bytes)
    } catch {
      throw JSONError(.badUTF8, at: offset)
    }
  }
}

extension JSONReader {
  /// Takes a string and tells where it stands; its escapes and UTF-8 are checked on use.
  @inline(__always)
  package mutating func string(_ bytes: Span<UInt8>) throws(JSONError) -> JSONStringSpan {
    guard try peek(bytes) == UInt8(ascii: "\"") else { throw failure(.notAString) }
    position += 1
    let start = position
    let count = bytes.count
    var index = start
    // Most strings of telemetry are short and plain: eight bytes at a time as long as there are.
    while count &- index >= 8 {
      let special = JSONReader.specialBytes(word(bytes, at: index))
      if special == 0 {
        index &+= 8
        continue
      }
      index &+= special.trailingZeroBitCount &>> 3
      guard bytes[index] == UInt8(ascii: "\"") else { break }
      position = index &+ 1
      return JSONStringSpan(range: start..<index, isEscaped: false, isASCII: true)
    }
    position = index
    return try unusualString(bytes, from: start)
  }

  /// The high bits of the bytes of a word that end a plain run in a string: quotes, backslashes,
  /// control characters and what is beyond ASCII. Bits above the lowest one may be wrong (a borrow
  /// runs upwards), the lowest one is not.
  @inline(__always)
  private static func specialBytes(_ word: UInt64) -> UInt64 {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let quotes = word ^ (ones &* 0x22)
    let backslashes = word ^ (ones &* 0x5C)
    let found =
      (quotes &- ones) & ~quotes | (backslashes &- ones) & ~backslashes
      | (word &- ones &* 0x20) & ~word | word
    return found & (ones &* 0x80)
  }

  /// The rest of a string from its first escape or byte beyond ASCII on, or near the message's end.
  @inline(never)
  private mutating func unusualString(
    _ bytes: Span<UInt8>, from start: Int
  ) throws(JSONError) -> JSONStringSpan {
    var escaped = false
    var ascii = true
    while position < bytes.count {
      let byte = bytes[position]
      if byte == UInt8(ascii: "\"") {
        position += 1
        return JSONStringSpan(range: start..<position - 1, isEscaped: escaped, isASCII: ascii)
      }
      guard byte >= 0x20 else { throw failure(.badString) }
      if byte == UInt8(ascii: "\\") {
        escaped = true
        position += 1
      } else if byte >= 0x80 {
        ascii = false
      }
      position += 1
    }
    throw failure(.badString)
  }
}
