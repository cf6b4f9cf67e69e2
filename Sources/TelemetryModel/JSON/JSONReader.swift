/// A strict pull reader of JSON text (RFC 8259): a position in bytes that the caller holds.
///
/// It builds nothing: objects and arrays are walked member by member, strings come as byte ranges,
/// numbers as `Double`. The caller asks for what it expects; anything else throws with the offset.
/// What nobody wants is skipped with its grammar checked all the same. Recursion does not occur, so
/// nesting costs no stack; `maxDepth` bounds it nevertheless.
///
/// Every call takes the bytes again, and they must be the same ones: a `Span` cannot be stored
/// without experimental language features. After an error the reader is of no further use.
package struct JSONReader: Sendable {
  /// How deeply arrays and objects may be nested in skipped or parsed values.
  package static let maxDepth = 64

  /// The offset of the next byte to be read.
  package var position: Int

  /// A reader that begins at a byte offset.
  package init(at position: Int = 0) {
    self.position = position
  }

  /// Skips whitespace and tells the byte that comes next, without taking it.
  @inline(__always)
  package mutating func peek(_ bytes: Span<UInt8>) throws(JSONError) -> UInt8 {
    let count = bytes.count
    while position < count {
      let byte = bytes[position]
      if byte > 0x20 { return byte }
      guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else {
        throw failure(.unexpectedByte)
      }
      position += 1
    }
    throw failure(.unexpectedEnd)
  }

  /// Takes the `{` of an object.
  @inline(__always)
  package mutating func enterObject(_ bytes: Span<UInt8>) throws(JSONError) {
    guard try peek(bytes) == UInt8(ascii: "{") else { throw failure(.notAnObject) }
    position += 1
  }

  /// The key of the object's next member, after which its value must be read or skipped; nil at the
  /// closing `}`, which is taken. `first` must be true in the first call after `enterObject`.
  @inline(__always)
  package mutating func nextKey(
    _ bytes: Span<UInt8>, first: Bool
  ) throws(JSONError) -> JSONStringSpan? {
    var byte = try peek(bytes)
    if byte == UInt8(ascii: "}") {
      position += 1
      return nil
    }
    if !first {
      guard byte == UInt8(ascii: ",") else { throw failure(.unexpectedByte) }
      position += 1
      byte = try peek(bytes)
    }
    guard byte == UInt8(ascii: "\"") else { throw failure(.unexpectedByte) }
    let key = try string(bytes)
    guard try peek(bytes) == UInt8(ascii: ":") else { throw failure(.unexpectedByte) }
    position += 1
    return key
  }

  /// Takes `,"x":`, a member's beginning with a key of one letter, and tells the letter; `mark` is the
  /// comma, or the `{` of an object that was not entered yet. Nil, and nothing is taken, for everything
  /// else, also where there is whitespace or the message ends: `nextKey` then says what it is.
  @inline(__always)
  mutating func takeLetterKey(_ bytes: Span<UInt8>, after mark: UInt8) -> UInt8? {
    let start = position
    guard bytes.count &- start >= 8 else { return nil }
    let five = word(bytes, at: start) & 0xFF_FFFF_FFFF
    guard five & 0xFF_FF00_FFFF == 0x3A_2200_2200 | UInt64(mark) else { return nil }
    position = start &+ JSONReader.letterKeyBytes
    return UInt8(truncatingIfNeeded: five &>> 16)
  }

  /// How many bytes `takeLetterKey` takes.
  static let letterKeyBytes = 5

  /// Takes the `[` of an array.
  @inline(__always)
  package mutating func enterArray(_ bytes: Span<UInt8>) throws(JSONError) {
    guard try peek(bytes) == UInt8(ascii: "[") else { throw failure(.notAnArray) }
    position += 1
  }

  /// Whether another element follows, which must then be read or skipped; false at the closing `]`,
  /// which is taken. `first` must be true in the first call after `enterArray`.
  @inline(__always)
  package mutating func nextElement(
    _ bytes: Span<UInt8>, first: Bool
  ) throws(JSONError) -> Bool {
    let byte = try peek(bytes)
    if byte == UInt8(ascii: "]") {
      position += 1
      return false
    }
    guard !first else { return true }
    guard byte == UInt8(ascii: ",") else { throw failure(.unexpectedByte) }
    position += 1
    guard try peek(bytes) != UInt8(ascii: "]") else { throw failure(.unexpectedByte) }
    return true
  }

  /// Reads `true` or `false`.
  package mutating func bool(_ bytes: Span<UInt8>) throws(JSONError) -> Bool {
    switch try peek(bytes) {
    case UInt8(ascii: "t"):
      try literal("true", bytes)
      return true
    case UInt8(ascii: "f"):
      try literal("false", bytes)
      return false
    default: throw failure(.notABoolean)
    }
  }

  /// Takes a `null` if that is what comes next, and tells whether it was.
  package mutating func takeNull(_ bytes: Span<UInt8>) throws(JSONError) -> Bool {
    guard try peek(bytes) == UInt8(ascii: "n") else { return false }
    try literal("null", bytes)
    return true
  }

  /// Checks that only whitespace is left.
  package mutating func end(_ bytes: Span<UInt8>) throws(JSONError) {
    while position < bytes.count {
      let byte = bytes[position]
      guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else {
        throw failure(.trailingBytes)
      }
      position += 1
    }
  }

  /// Skips one value of whatever kind, checking its grammar, and tells which bytes it takes.
  ///
  /// - Throws: besides faults of grammar, `tooDeep` beyond `maxDepth` nested arrays and objects.
  @discardableResult
  package mutating func skip(_ bytes: Span<UInt8>) throws(JSONError) -> Range<Int> {
    _ = try peek(bytes)
    let start = position
    // One bit a level: 1 for an object, 0 for an array.
    var kinds: UInt64 = 0
    var depth = 0
    var opened = false
    repeat {
      if depth > 0 {
        let inObject = kinds & 1 == 1
        let more: Bool
        if inObject {
          let key = try nextKey(bytes, first: opened)
          if let key, key.isEscaped || !key.isASCII { try key.check(bytes) }
          more = key != nil
        } else {
          more = try nextElement(bytes, first: opened)
        }
        opened = false
        if !more {
          kinds >>= 1
          depth -= 1
          continue
        }
      }
      switch try peek(bytes) {
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        guard depth < JSONReader.maxDepth else { throw failure(.tooDeep) }
        kinds = kinds << 1 | (bytes[position] == UInt8(ascii: "{") ? 1 : 0)
        depth += 1
        opened = true
        position += 1
      case UInt8(ascii: "\""):
        let text = try string(bytes)
        if text.isEscaped || !text.isASCII { try text.check(bytes) }
      case UInt8(ascii: "t"): try literal("true", bytes)
      case UInt8(ascii: "f"): try literal("false", bytes)
      case UInt8(ascii: "n"): try literal("null", bytes)
      case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try skipNumber(bytes)
      default: throw failure(.unexpectedByte)
      }
    } while depth > 0
    return start..<position
  }

  private mutating func literal(
    _ word: StaticString, _ bytes: Span<UInt8>
  ) throws(JSONError) {
    let count = word.utf8CodeUnitCount
    guard bytes.count - position >= count else { throw failure(.unexpectedEnd) }
    guard matches(word, bytes, at: position) else { throw failure(.unexpectedByte) }
    position += count
  }

  @inline(never)
  func failure(_ reason: JSONError.Reason) -> JSONError { JSONError(reason, at: position) }
}

/// Whether `word`, which must be ASCII, stands at `offset`; false also where the bytes end before.
func matches(_ word: StaticString, _ bytes: Span<UInt8>, at offset: Int) -> Bool {
  let count = word.utf8CodeUnitCount
  guard offset >= 0, bytes.count - offset >= count else { return false }
  return word.withUTF8Buffer { letters in
    for index in 0..<count where bytes[offset + index] != letters[index] { return false }
    return true
  }
}
