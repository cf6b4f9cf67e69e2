/// A pattern for names: `*` stands for any run of bytes, `?` for one; everything else for itself.
///
/// Compared bytewise and case-sensitively, in time linear in the name for each `*`.
package struct Glob: Hashable, Sendable, CustomStringConvertible {
  /// The pattern as written.
  package let pattern: String
  private let bytes: [UInt8]
  private let isLiteral: Bool

  /// Any pattern is legal.
  package init(_ pattern: String) {
    self.pattern = pattern
    bytes = Array(pattern.utf8)
    isLiteral = !bytes.contains { $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?") }
  }

  /// Whether the whole name fits the pattern.
  package func matches(_ name: String) -> Bool {
    if isLiteral { return name == pattern }
    var name = name
    return name.withUTF8 { matches($0) }
  }

  /// The classic two-pointer match: on a mismatch the last `*` takes one byte more.
  private func matches(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
    var position = 0
    var pattern = 0
    var star: Int?
    var resume = 0
    while position < name.count {
      if pattern < bytes.count, bytes[pattern] == UInt8(ascii: "*") {
        star = pattern
        resume = position
        pattern += 1
      } else if pattern < bytes.count,
        bytes[pattern] == UInt8(ascii: "?") || bytes[pattern] == name[position]
      {
        pattern += 1
        position += 1
      } else if let star {
        pattern = star + 1
        resume += 1
        position = resume
      } else {
        return false
      }
    }
    while pattern < bytes.count, bytes[pattern] == UInt8(ascii: "*") { pattern += 1 }
    return pattern == bytes.count
  }

  /// The pattern as written.
  package var description: String { pattern }
}
