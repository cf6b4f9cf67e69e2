/// Appends JSON text to bytes; whoever writes keeps the order of tokens legal.
///
/// Strings are escaped, numbers are written with the fewest digits that read back to the same
/// value, commas are put between members and elements by `key` and `element`. Nothing is checked
/// beyond that: this is the writing end of code that knows its messages.
package struct JSONWriter: Sendable {
  /// What has been written.
  package var bytes: [UInt8]
  /// Whether a comma is due before the next key or element.
  private var needsComma = false

  /// A writer that appends to `bytes`; take them back from `bytes` afterwards.
  package init(_ bytes: consuming [UInt8] = []) {
    self.bytes = bytes
  }

  /// Writes `{`, members by `body`, `}`.
  @inline(__always)
  package mutating func object(_ body: (inout JSONWriter) -> Void) {
    beginObject()
    body(&self)
    endObject()
  }

  /// Writes `[`, elements by `body`, `]`.
  @inline(__always)
  package mutating func array(_ body: (inout JSONWriter) -> Void) {
    beginArray()
    body(&self)
    endArray()
  }

  /// Writes the `{` of an object.
  package mutating func beginObject() { open(UInt8(ascii: "{")) }
  /// Writes the `}` of an object.
  package mutating func endObject() { close(UInt8(ascii: "}")) }
  /// Writes the `[` of an array.
  package mutating func beginArray() { open(UInt8(ascii: "[")) }
  /// Writes the `]` of an array.
  package mutating func endArray() { close(UInt8(ascii: "]")) }

  /// Writes a member's key, with the comma before it where one is due; its value must follow. The
  /// key must be ASCII without quotes and backslashes.
  package mutating func key(_ key: StaticString) {
    comma()
    bytes.append(UInt8(ascii: "\""))
    key.withUTF8Buffer { bytes.append(contentsOf: $0) }
    bytes.append(UInt8(ascii: "\""))
    bytes.append(UInt8(ascii: ":"))
  }

  /// Writes a member's key of any characters; its value must follow.
  package mutating func key(_ key: String) {
    comma()
    quoted(key)
    bytes.append(UInt8(ascii: ":"))
  }

  /// Writes the comma before an array's element where one is due; the element must follow.
  package mutating func element() { comma() }

  /// Writes a string in quotes, escaped where JSON wants it.
  package mutating func write(_ string: String) {
    quoted(string)
    needsComma = true
  }

  /// Writes `true` or `false`.
  package mutating func write(_ bool: Bool) { raw(bool ? "true" : "false") }

  /// Writes `null`.
  package mutating func writeNull() { raw("null") }

  /// Writes a whole number.
  package mutating func write(_ integer: some FixedWidthInteger) {
    appendInteger(Int64(clamping: integer), &bytes)
    needsComma = true
  }

  /// Writes a whole number that is not negative.
  package mutating func write(_ integer: UInt64) {
    appendDigits(integer, &bytes)
    needsComma = true
  }

  /// Writes a number with the fewest digits that read back to the same `Double`, whole ones without
  /// a fraction; `null` for not-a-number and infinities, which JSON lacks.
  package mutating func write(_ number: Double) {
    appendNumber(number, &bytes)
    needsComma = true
  }

  /// Writes a time as seconds since 1970 with up to six decimals, exactly.
  package mutating func write(_ time: Timestamp) {
    appendSeconds(microseconds: time.microseconds, &bytes)
    needsComma = true
  }

  /// Writes a duration as seconds with up to six decimals, rounded down to the microsecond.
  package mutating func write(_ duration: Duration) {
    appendSeconds(microseconds: duration.wholeMicroseconds, &bytes)
    needsComma = true
  }

  /// Appends a value that is JSON already.
  package mutating func write(json: some Sequence<UInt8>) {
    bytes.append(contentsOf: json)
    needsComma = true
  }

  /// Writes ASCII text as it is, for instance a ready piece of JSON.
  package mutating func raw(_ text: StaticString) {
    text.withUTF8Buffer { bytes.append(contentsOf: $0) }
    needsComma = true
  }

  private mutating func comma() {
    if needsComma { bytes.append(UInt8(ascii: ",")) }
    needsComma = false
  }

  private mutating func open(_ byte: UInt8) {
    bytes.append(byte)
    needsComma = false
  }

  private mutating func close(_ byte: UInt8) {
    bytes.append(byte)
    needsComma = true
  }

  private mutating func quoted(_ string: String) { appendQuoted(string, &bytes) }
}

/// Appends a string in quotes, escaping what RFC 8259 §7 wants escaped and nothing else.
func appendQuoted(_ string: String, _ bytes: inout [UInt8]) {
  bytes.append(UInt8(ascii: "\""))
  let isPlain = string.utf8.allSatisfy {
    $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
  }
  if isPlain {
    bytes.append(contentsOf: string.utf8)
  } else {
    for byte in string.utf8 { appendEscaped(byte, &bytes) }
  }
  bytes.append(UInt8(ascii: "\""))
}

private func appendEscaped(_ byte: UInt8, _ bytes: inout [UInt8]) {
  switch byte {
  case UInt8(ascii: "\""), UInt8(ascii: "\\"):
    bytes.append(UInt8(ascii: "\\"))
    bytes.append(byte)
  case 0x0A: bytes.append(contentsOf: "\\n".utf8)
  case 0x0D: bytes.append(contentsOf: "\\r".utf8)
  case 0x09: bytes.append(contentsOf: "\\t".utf8)
  case 0..<0x20:
    let digits: StaticString = "0123456789abcdef"
    bytes.append(contentsOf: "\\u00".utf8)
    digits.withUTF8Buffer {
      bytes.append($0[Int(byte >> 4)])
      bytes.append($0[Int(byte & 15)])
    }
  default: bytes.append(byte)
  }
}
