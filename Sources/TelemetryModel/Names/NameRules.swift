/// What is wrong with the name of a device or metric.
package enum NameError: Error, Hashable, Sendable, CustomStringConvertible {
  /// There is no name.
  case empty
  /// The name has more bytes than are allowed.
  case tooLong(bytes: Int, limit: Int)
  /// The name does not begin with a letter or digit of ASCII.
  case badStart
  /// A byte is not one of `A–Z a–z 0–9 - : . / _`.
  case badCharacter(offset: Int)

  /// The fault in words, fit for an error message.
  package var description: String {
    switch self {
    case .empty: "the name is empty"
    case .tooLong(let bytes, let limit): "the name has \(bytes) bytes, more than \(limit)"
    case .badStart: "a name starts with a letter or digit (RFC 8428 §4.5.1)"
    case .badCharacter(let offset):
      "byte \(offset) of the name is not one of A-Z a-z 0-9 - : . / _ (RFC 8428 §4.5.1)"
    }
  }
}

/// The rules of RFC 8428 §4.5.1 for names, shared by devices and metrics.
enum NameRules {
  static func isStart(_ byte: UInt8) -> Bool {
    (byte | 0x20) &- 0x61 < 26 || byte &- 0x30 < 10
  }

  static func isInside(_ byte: UInt8) -> Bool {
    // "-", ".", "/", digits and ":" are 0x2D...0x3A without a gap.
    isStart(byte) || byte &- 0x2D <= 0x3A - 0x2D || byte == UInt8(ascii: "_")
  }

  static func check(
    _ bytes: some Collection<UInt8>, limit: Int
  ) throws(NameError) {
    guard let first = bytes.first else { throw .empty }
    let count = bytes.count
    guard count <= limit else { throw .tooLong(bytes: count, limit: limit) }
    guard isStart(first) else { throw .badStart }
    var offset = 0
    for byte in bytes {
      guard isInside(byte) else { throw .badCharacter(offset: offset) }
      offset += 1
    }
  }
}
