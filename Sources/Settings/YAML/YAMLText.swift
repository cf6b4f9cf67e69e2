/// Writes scalars so that any YAML reader gets the same text back.
enum YAMLText {
  /// A scalar at the end of a line: plain where that is safe, else in double quotes.
  static func scalar(_ text: String) -> String {
    isPlain(text, alsoSafe: ":=,") && !text.hasSuffix(":") ? text : quoted(text)
  }

  /// A scalar within `[…]` or `{…}`, where commas and colons mean something.
  static func flowScalar(_ text: String) -> String {
    isPlain(text, alsoSafe: "=") ? text : quoted(text)
  }

  private static let wordsWithMeaning: Set<String> = [
    "null", "true", "false", "yes", "no", "on", "off", "y", "n",
  ]

  private static func isPlain(_ text: String, alsoSafe: String) -> Bool {
    guard let first = text.unicodeScalars.first, !wordsWithMeaning.contains(text.lowercased()),
      isWord(first) || first == "/" || first == "."
    else { return false }
    return text.unicodeScalars.allSatisfy {
      isWord($0) || "-_./+@%".unicodeScalars.contains($0) || alsoSafe.unicodeScalars.contains($0)
    }
  }

  private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
    ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || ("0"..."9").contains(scalar)
  }

  private static func quoted(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\t": out += "\\t"
      case "\r": out += "\\r"
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out + "\""
  }
}
