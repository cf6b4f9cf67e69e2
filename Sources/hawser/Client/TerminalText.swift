/// Text of devices, agents and brokers as it may go to a terminal: labels, units, reasons and readings are
/// whatever somebody has sent, and a terminal obeys what it is sent.
enum TerminalText {
  /// Controls (C0 but the tab, DEL, C1), what ends a line elsewhere, and what turns the direction of writing.
  private static func isDangerous(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x09, 0x0A..<0x20, 0x7F..<0xA0, 0x061C, 0x200E, 0x200F, 0x2028...0x202E,
      0x2066...0x2069:
      true
    default: false
    }
  }

  /// The same with a replacement character for each of these.
  static func clean(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: isDangerous) else { return text }
    var clean = String.UnicodeScalarView()
    for scalar in text.unicodeScalars { clean.append(isDangerous(scalar) ? "\u{FFFD}" : scalar) }
    return String(clean)
  }

  /// JSON that means the same with these escaped; those that JSON's own rules leave in strings.
  static func escaped(_ json: String) -> String {
    guard json.unicodeScalars.contains(where: isDangerous) else { return json }
    var escaped = ""
    for scalar in json.unicodeScalars {
      if isDangerous(scalar) {
        let digits = String(scalar.value, radix: 16)
        escaped += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      } else {
        escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }
}
