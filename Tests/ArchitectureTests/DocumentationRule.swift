/// Every `package` or `public` declaration, and every requirement of such a protocol, has a doc
/// comment. Extensions and imports carry no comment of their own.
///
/// Reads lines, not syntax: swift-format keeps one declaration a line and attributes in front.
enum DocumentationRule {
  private static let attributes = #"(?:@\w+(?:\([^)]*\))?\s+)*"#
  private static let modifiers =
    #"(?:(?:static|class|final|mutating|nonmutating|nonisolated(?:\(\w+\))?|lazy|weak|unowned|override|required|convenience|indirect|consuming|borrowing|dynamic|prefix|postfix|infix|(?:private|fileprivate|internal|package)\(set\))\s+)*"#
  private static let keywords =
    #"(func|var|let|init|struct|class|enum|actor|protocol|typealias|subscript|associatedtype|macro|operator)\b"#

  static func violations(in file: SourceFile) -> [Violation] {
    guard
      let visible = try? Regex(
        "^\\s*\(attributes)(?:public|package|open)\\s+\(modifiers)\(keywords)"),
      let requirement = try? Regex("^\\s*\(attributes)\(modifiers)\(keywords)"),
      let visibleProtocol = try? Regex("^\\s*\(attributes)(?:public|package)\\s+protocol\\b")
    else { return [Violation(path: file.path, line: 0, message: "the rule's pattern is broken")] }

    let lines = withoutMultilineStrings(file.lines)
    var found: [Violation] = []
    // Indentation of the visible protocol whose body the line is in.
    var protocolIndent: Int?
    for (index, line) in lines.enumerated() {
      let indent = line.prefix { $0 == " " }.count
      if let outer = protocolIndent, indent <= outer,
        line.hasPrefix(String(repeating: " ", count: outer) + "}")
      {
        protocolIndent = nil
      }
      let isRequirement =
        protocolIndent.map { indent == $0 + 2 } == true && line.firstMatch(of: requirement) != nil
      if isRequirement || line.firstMatch(of: visible) != nil {
        if !isDocumented(index, in: lines) {
          let declaration = line.drop { $0 == " " }.prefix(70)
          found.append(
            Violation(path: file.path, line: index + 1, message: "no doc comment: \(declaration)"))
        }
      }
      if line.firstMatch(of: visibleProtocol) != nil, !line.hasSuffix("}") {
        protocolIndent = indent
      }
    }
    return found
  }

  /// Above a declaration there may be attributes of their own line; above those, the comment.
  private static func isDocumented(_ index: Int, in lines: [Substring]) -> Bool {
    var above = index - 1
    while above >= 0 {
      let line = lines[above].drop { $0 == " " }
      if line.hasPrefix("///") || line.hasSuffix("*/") { return true }
      guard line.hasPrefix("@") || line.hasPrefix("#if") || line.hasPrefix("//") else {
        return false
      }
      above -= 1
    }
    return false
  }

  /// Empties the lines inside `"""` literals, so that quoted code is not taken for code.
  private static func withoutMultilineStrings(_ lines: [Substring]) -> [Substring] {
    var inside = false
    return lines.map { line in
      let marks = line.ranges(of: "\"\"\"").count
      defer { if marks % 2 == 1 { inside.toggle() } }
      return inside ? "" : line
    }
  }
}
