/// Every key of one program, and how its sources are put together: the file gives way to the
/// environment, the environment to the arguments.
///
/// The environment name of a key follows one rule: the program's prefix, then the key in upper
/// case with `_` for a dot and before an inner capital: `store.flushInterval` is
/// `HAWSER_STORE_FLUSH_INTERVAL`.
package struct SettingsSchema: Sendable {
  /// The program's name, for the head of its default file.
  package let program: String
  /// What the program's environment variables start with, `HAWSER_`.
  package let environmentPrefix: String
  /// Variables that share the prefix and are someone else's, such as another program's
  /// `HAWSER_AGENT_`; they are not called unknown.
  package let foreignPrefixes: [String]
  /// The sentence above a group of keys in the default file, by the group's name.
  package let groups: [String: String]
  /// The keys in the order of the default file.
  package let settings: [any SettingDeclaration]
  private let byName: [String: any SettingDeclaration]

  /// A schema; keys of one group should stand together.
  package init(
    program: String, environmentPrefix: String, foreignPrefixes: [String] = [],
    groups: [String: String] = [:], settings: [any SettingDeclaration]
  ) {
    self.program = program
    self.environmentPrefix = environmentPrefix
    self.foreignPrefixes = foreignPrefixes
    self.groups = groups
    self.settings = settings
    self.byName = Dictionary(
      settings.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// The environment variable that sets a key.
  package func environmentName(of key: String) -> String {
    var name = environmentPrefix
    for character in key {
      if character == "." {
        name += "_"
      } else {
        if character.isUppercase { name += "_" }
        name += character.uppercased()
      }
    }
    return name
  }

  /// Puts the sources together and checks them.
  /// - Throws: every problem of every source at once.
  package func load(
    file: SettingsFile? = nil, environment: [String: String] = [:],
    arguments: [SettingsArgument] = []
  ) throws(SettingsErrors) -> Settings {
    var loading = Loading()
    if let file { read(file, into: &loading) }
    read(environment, into: &loading)
    for argument in arguments {
      assign(
        argument.key, .text(argument.value), from: .argument(argument.option), into: &loading)
    }
    guard loading.problems.isEmpty else { throw SettingsErrors(problems: loading.problems) }
    return Settings(schema: self, values: loading.values)
  }

  private struct Loading {
    var values: [String: Settings.Entry] = [:]
    var problems: [SettingsProblem] = []
  }

  private func read(_ file: SettingsFile, into loading: inout Loading) {
    do throws(YAMLError) {
      guard let root = try YAMLParser.parse(file.bytes) else { return }
      guard case .mapping(let entries) = root.content else {
        if case .nothing = root.input { return }
        return loading.problems.append(
          SettingsProblem(
            source: .file(path: file.path, line: root.line), key: nil,
            expected: "keys with values (\"key: value\")", found: root.input.description))
      }
      for entry in entries {
        read(entry.value, as: entry.key, line: entry.line, of: file, into: &loading)
      }
    } catch {
      loading.problems.append(
        SettingsProblem(
          source: .file(path: file.path, line: error.line, column: error.column), key: nil,
          expected: "YAML", found: error.message))
    }
  }

  private func read(
    _ node: YAMLNode, as key: String, line: Int, of file: SettingsFile,
    into loading: inout Loading
  ) {
    let source = SettingSource.file(path: file.path, line: line)
    let isGroup = byName[key] == nil && settings.contains { $0.name.hasPrefix(key + ".") }
    guard isGroup else { return assign(key, node.input, from: source, into: &loading) }
    switch node.content {
    case .mapping(let entries):
      for entry in entries {
        read(entry.value, as: "\(key).\(entry.key)", line: entry.line, of: file, into: &loading)
      }
    case .scalar, .sequence:
      if case .nothing = node.input { return }  // a group whose keys are all commented out
      loading.problems.append(
        SettingsProblem(
          source: source, key: key, expected: "a group of keys", found: node.input.description))
    }
  }

  private func read(_ environment: [String: String], into loading: inout Loading) {
    let keys = Dictionary(
      settings.map { (environmentName(of: $0.name), $0.name) },
      uniquingKeysWith: { first, _ in first })
    for (name, value) in environment.sorted(by: { $0.key < $1.key })
    where name.hasPrefix(environmentPrefix) {
      if let key = keys[name] {
        assign(key, .text(value), from: .environment(name), into: &loading)
      } else if !foreignPrefixes.contains(where: { name.hasPrefix($0) }) {
        loading.problems.append(
          SettingsProblem(
            source: .environment(name), key: nil,
            expected: "the name of a setting" + hint(name, among: Array(keys.keys)),
            found: "a variable that none has"))
      }
    }
  }

  private func assign(
    _ key: String, _ input: SettingInput, from source: SettingSource, into loading: inout Loading
  ) {
    guard let declaration = byName[key] else {
      return loading.problems.append(
        SettingsProblem(
          source: source, key: key,
          expected: "a known key" + hint(key, among: Array(byName.keys)), found: "an unknown one"))
    }
    guard let accepted = declaration.accept(input) else {
      return loading.problems.append(
        SettingsProblem(
          source: source, key: key, expected: declaration.expectation,
          found: declaration.isSecret ? "a value that is not shown" : input.description))
    }
    loading.values[key] = Settings.Entry(accepted: accepted, source: source)
  }

  private func hint(_ name: String, among known: [String]) -> String {
    let ranked = known.map { (name: $0, distance: editDistance($0, name)) }
    guard let nearest = ranked.min(by: { ($0.distance, $0.name) < ($1.distance, $1.name) }),
      nearest.distance <= max(2, name.count / 4)
    else { return "" }
    return " (did you mean \(nearest.name)?)"
  }
}

/// Levenshtein's distance, over the small names of keys.
private func editDistance(_ a: String, _ b: String) -> Int {
  let b = Array(b)
  var row = Array(0...b.count)
  for (i, x) in a.enumerated() {
    var diagonal = row[0]
    row[0] = i + 1
    for (j, y) in b.enumerated() {
      let substituted = diagonal + (x == y ? 0 : 1)
      diagonal = row[j + 1]
      row[j + 1] = min(substituted, diagonal + 1, row[j] + 1)
    }
  }
  return row[b.count]
}
