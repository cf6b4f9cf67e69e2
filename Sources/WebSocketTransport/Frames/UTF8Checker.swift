/// Checks UTF-8 (RFC 3629) while it arrives in pieces: no overlong forms, no surrogates, nothing
/// above U+10FFFF. ASCII is passed over 32 bytes at a time.
package struct UTF8Checker: Sendable {
  /// Continuation bytes still to come of the character begun.
  private var missing: UInt8 = 0
  /// What the next continuation byte may be; the first one of some characters is restricted.
  private var lowest: UInt8 = 0x80
  private var highest: UInt8 = 0xBF

  /// A checker at the beginning of a text.
  package init() {}

  /// Whether the text may end here: not within a character.
  package var isComplete: Bool { missing == 0 }

  /// Takes the next piece; false as soon as the text cannot be UTF-8 whatever follows.
  @inline(__always)
  package mutating func take(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var at = 0
    let count = bytes.count
    if missing == 0 {
      at = Self.asciiPrefix(bytes, from: 0)
      if at == count { return true }
    }
    return takeRest(bytes, from: at)
  }

  private mutating func takeRest(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Bool {
    var at = start
    let count = bytes.count
    while at < count {
      let byte = bytes[at]
      at += 1
      if missing > 0 {
        guard byte >= lowest && byte <= highest else { return false }
        missing -= 1
        lowest = 0x80
        highest = 0xBF
      } else if byte < 0x80 {
        at = Self.asciiPrefix(bytes, from: at)
      } else {
        guard begin(byte) else { return false }
      }
    }
    return true
  }

  /// The table of RFC 3629 §4 (also Unicode table 3-7).
  private mutating func begin(_ byte: UInt8) -> Bool {
    switch byte {
    case 0xC2...0xDF: missing = 1
    case 0xE0: (missing, lowest) = (2, 0xA0)
    case 0xED: (missing, highest) = (2, 0x9F)
    case 0xE1...0xEF: missing = 2
    case 0xF0: (missing, lowest) = (3, 0x90)
    case 0xF4: (missing, highest) = (3, 0x8F)
    case 0xF1...0xF3: missing = 3
    default: return false
    }
    return true
  }

  /// Where the first byte at or behind `start` that is not ASCII stands; the end where there is none.
  @inline(__always)
  private static func asciiPrefix(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
    var at = start
    let count = bytes.count
    while count - at >= 32 {
      let block = bytes.loadUnaligned(fromByteOffset: at, as: SIMD4<UInt64>.self)
      let high = block & SIMD4<UInt64>(repeating: 0x8080_8080_8080_8080)
      guard high == SIMD4<UInt64>.zero else { break }
      at += 32
    }
    while count - at >= 8 {
      let word = bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)
      guard word & 0x8080_8080_8080_8080 == 0 else { break }
      at += 8
    }
    while at < count && bytes[at] < 0x80 { at += 1 }
    return at
  }
}
