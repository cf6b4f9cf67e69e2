/// Where a value came from.
package enum SettingSource: Hashable, Sendable, CustomStringConvertible {
  /// The declaration.
  case builtIn
  /// A line of the file, counted from 1; the column where the file is not even YAML.
  case file(path: String, line: Int?, column: Int? = nil)
  /// An environment variable.
  case environment(String)
  /// A command-line option.
  case argument(String)

  /// The source as it stands before a problem's colon: `broker.yaml:12`, `$HAWSER_LISTEN`.
  package var description: String {
    switch self {
    case .builtIn: "default"
    case .file(let path, nil, _): path
    case .file(let path, let line?, nil): "\(path):\(line)"
    case .file(let path, let line?, let column?): "\(path):\(line):\(column)"
    case .environment(let name): "$\(name)"
    case .argument(let option): option
    }
  }
}

/// One thing that is wrong with the configuration.
package struct SettingsProblem: Hashable, Sendable, CustomStringConvertible {
  /// Where it stands.
  package let source: SettingSource
  /// The key's dotted name; nil where the file as a whole is unreadable.
  package let key: String?
  /// What was expected, in words.
  package let expected: String
  /// What was found, in words; never a secret.
  package let found: String

  /// A problem from its parts.
  package init(source: SettingSource, key: String?, expected: String, found: String) {
    self.source = source
    self.key = key
    self.expected = expected
    self.found = found
  }

  /// `broker.yaml:12: store.flushInterval: expected a duration …, found "soon"`.
  package var description: String {
    let place = key.map { "\(source): \($0)" } ?? "\(source)"
    return "\(place): expected \(expected), found \(found)"
  }
}

/// Everything that is wrong with the configuration, reported at once.
package struct SettingsErrors: Error, Sendable, CustomStringConvertible {
  /// At least one problem: the file's in the order of its lines, then environment, then arguments.
  package let problems: [SettingsProblem]

  /// An error from its problems.
  package init(problems: [SettingsProblem]) {
    self.problems = problems
  }

  /// One problem a line.
  package var description: String {
    problems.map(\.description).joined(separator: "\n")
  }
}
