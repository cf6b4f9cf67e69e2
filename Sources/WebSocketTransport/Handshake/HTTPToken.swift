/// Tokens as RFC 9110 §5.6.2 defines them: names of methods, fields, extensions, subprotocols.
package enum HTTPToken {
  /// Whether `byte` may be part of a token.
  package static func allows(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
  }

  /// Whether `text` is one token.
  package static func isToken(_ text: some StringProtocol) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy(allows)
  }

  /// The comma-separated tokens of all `fields`, lower case, for lists such as `Connection`.
  package static func list(_ fields: [String]) -> [String] {
    fields.flatMap { $0.split(separator: ",") }
      .map { trimmed($0).lowercased() }
      .filter { !$0.isEmpty }
  }

  /// `text` without blanks and tabs around it.
  package static func trimmed(_ text: some StringProtocol) -> String {
    let bytes = Array(text.utf8)
    let blank: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 }
    let end = bytes.lastIndex { !blank($0) }.map { $0 + 1 } ?? 0
    return String(decoding: bytes[..<end].drop(while: blank), as: UTF8.self)
  }
}
