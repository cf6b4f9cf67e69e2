/// Rules about files as such: their length, their place, and what they must not betray.
enum FileRules {
  static let longestFile = 500

  /// Files of one idea; above this many lines there is more than one in it.
  static func lengthViolations(in file: SourceFile) -> [Violation] {
    let count = file.lines.count - (file.text.hasSuffix("\n") ? 1 : 0)
    guard count > longestFile else { return [] }
    return [
      Violation(path: file.path, line: count, message: "\(count) lines, more than \(longestFile)")
    ]
  }

  /// Kinds of files that people read and change; recorded trees and data may be of any length.
  static func isWritten(_ path: String) -> Bool {
    let endings = [".swift", ".js", ".css", ".html", ".py", ".sh", ".c", ".h"]
    return endings.contains { path.hasSuffix($0) }
  }

  static let topLevel: Set<String> = [
    ".ci", ".gitignore", ".swift-format", "LICENSE", "Package.resolved", "Package.swift",
    "README.md", "Sources", "Tests", "config", "devices",
  ]

  static func placeViolations(of paths: [String]) -> [Violation] {
    let entries = Set(paths.compactMap { $0.split(separator: "/").first.map(String.init) })
    return entries.subtracting(topLevel).sorted().map {
      Violation(path: $0, line: 0, message: "not a top-level entry of the project's layout")
    }
  }

  /// Folders of one developer's machine. The brackets keep this very line from being found.
  static func machinePathViolations(in file: SourceFile) -> [Violation] {
    file.lines.enumerated().compactMap { index, line in
      guard
        let match = line.firstMatch(of: /(?:^|[^\w.])(\/(?:wor[k]|roo[t]|far[m])\/|\/op[t]\/swift)/)
      else { return nil }
      return Violation(
        path: file.path, line: index + 1, message: "path of one machine: \(match.1)")
    }
  }

  /// Words that leave work behind or trap in what ships.
  static func leftoverViolations(in file: SourceFile) -> [Violation] {
    let leftover = /\b(TO[D]O|FIX[M]E|fatalErro[r]\(|tr[y]!|a[s]!)/
    return file.lines.enumerated().compactMap { index, line in
      guard let match = line.firstMatch(of: leftover) else { return nil }
      return Violation(path: file.path, line: index + 1, message: "\(match.1) in what ships")
    }
  }
}
