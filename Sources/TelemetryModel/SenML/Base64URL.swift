/// Base64 in the URL- and filename-safe alphabet (RFC 4648 §5), as `vd` has it (RFC 8428 §5).
package enum Base64URL {
  /// The bytes meant by a string of JSON; nil when it is not this base64. Padding, which SenML
  /// omits, is accepted where it is right.
  static func decode(_ text: JSONStringSpan, _ bytes: Span<UInt8>) -> [UInt8]? {
    if text.isEscaped {
      guard let plain = try? text.unescaped(bytes) else { return nil }
      return decode(plain.span)
    }
    return decode(bytes.extracting(text.range))
  }

  static func decode(_ text: Span<UInt8>) -> [UInt8]? {
    var count = text.count
    var padding = 0
    while count > 0, padding < 2, text[count - 1] == UInt8(ascii: "=") {
      count -= 1
      padding += 1
    }
    guard count % 4 != 1, padding == 0 || (count + padding) % 4 == 0 else { return nil }
    var data: [UInt8] = []
    data.reserveCapacity(count / 4 * 3 + 2)
    var bits: UInt32 = 0
    var width = 0
    for index in 0..<count {
      guard let digit = value(text[index]) else { return nil }
      bits = bits << 6 | UInt32(digit)
      width += 6
      if width >= 8 {
        width -= 8
        data.append(UInt8(truncatingIfNeeded: bits >> UInt32(width)))
      }
    }
    // Bits left over must be zero, or two texts would mean the same data.
    return bits & ((1 << UInt32(width)) - 1) == 0 ? data : nil
  }

  /// Appends the text for `data`, without padding.
  package static func encode(_ data: [UInt8], _ bytes: inout [UInt8]) {
    let alphabet: StaticString =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    alphabet.withUTF8Buffer { digits in
      var bits: UInt32 = 0
      var width = 0
      for byte in data {
        bits = bits << 8 | UInt32(byte)
        width += 8
        while width >= 6 {
          width -= 6
          bytes.append(digits[Int(bits >> UInt32(width) & 63)])
        }
      }
      if width > 0 { bytes.append(digits[Int(bits << UInt32(6 - width) & 63)]) }
    }
  }

  private static func value(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A")
    case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a") + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0") + 52
    case UInt8(ascii: "-"): 62
    case UInt8(ascii: "_"): 63
    default: nil
    }
  }
}
