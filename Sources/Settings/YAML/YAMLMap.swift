/// A mapping of a YAML file that is read key by key with the kinds of settings: for files beside the
/// settings, such as profiles, whose keys are not known beforehand. Every problem is collected, and
/// keys that nobody asked for are problems too.
package struct YAMLMap {
  /// Problems of all maps of one file.
  private final class Problems {
    var list: [SettingsProblem] = []
  }

  private let path: String
  private let line: Int
  private let name: String
  private var entries: [(key: String, line: Int, value: YAMLNode)]
  private let problems: Problems

  private init(
    _ path: String, line: Int, name: String,
    _ entries: [(key: String, line: Int, value: YAMLNode)], _ problems: Problems
  ) {
    self.path = path
    self.line = line
    self.name = name
    self.entries = entries
    self.problems = problems
  }

  /// Reads a file whose root is a mapping.
  /// - Parameters:
  ///   - file: the file.
  ///   - body: takes what it knows; what it leaves is unknown.
  /// - Returns: what `body` made of it.
  /// - Throws: every problem that was found.
  package static func read<Value>(
    _ file: SettingsFile, _ body: (inout YAMLMap) -> Value
  ) throws(SettingsErrors) -> Value {
    let problems = Problems()
    var map = YAMLMap(file.path, line: 1, name: "", [], problems)
    do throws(YAMLError) {
      switch try YAMLParser.parse(file.bytes)?.content {
      case .mapping(let entries)?: map.entries = entries
      case nil: break
      default: map.problem(line: 1, key: nil, "keys with values (\"key: value\")", "something else")
      }
    } catch {
      throw SettingsErrors(problems: [
        SettingsProblem(
          source: .file(path: file.path, line: error.line, column: error.column), key: nil,
          expected: "YAML", found: error.message)
      ])
    }
    let value = body(&map)
    map.refuseRest()
    guard problems.list.isEmpty else { throw SettingsErrors(problems: problems.list) }
    return value
  }

  /// Takes the value of a key; nil where there is none, or a problem was noted.
  package mutating func take<Value>(_ key: String, _ kind: SettingKind<Value>) -> Value? {
    guard let entry = entry(key) else { return nil }
    guard let value = kind.parse(entry.value.input) else {
      problem(line: entry.line, key: key, kind.expectation, entry.value.input.description)
      return nil
    }
    return value
  }

  /// Takes a mapping of mappings, in the file's order; one with nothing in it may be left empty.
  /// - Parameters:
  ///   - key: the key under which it stands.
  ///   - body: takes what it knows of each.
  /// - Returns: what `body` made of each; empty where there is no such key.
  package mutating func takeEach<Value>(
    _ key: String, _ body: (String, inout YAMLMap) -> Value?
  ) -> [Value] {
    guard let entry = entry(key) else { return [] }
    if case .nothing = entry.value.input { return [] }
    guard case .mapping(let members) = entry.value.content else {
      problem(line: entry.line, key: key, "names with keys below", entry.value.input.description)
      return []
    }
    var values: [Value] = []
    for member in members {
      var map = YAMLMap(
        path, line: member.line, name: full("\(key).\(member.key)"), [], problems)
      switch member.value.content {
      case .mapping(let entries): map.entries = entries
      default:
        if case .nothing = member.value.input { break }
        map.problem(line: member.line, key: nil, "keys", member.value.input.description)
        continue
      }
      if let value = body(member.key, &map) { values.append(value) }
      map.refuseRest()
    }
    return values
  }

  /// Whether there is such a key that was not taken.
  package func has(_ key: String) -> Bool { entries.contains { $0.key == key } }

  /// Notes that something is wrong with a key, or with the whole where none is given.
  package func refuse(_ key: String? = nil, expected: String, found: String) {
    problem(line: line, key: key, expected, found)
  }

  private mutating func entry(_ key: String) -> (line: Int, value: YAMLNode)? {
    guard let index = entries.firstIndex(where: { $0.key == key }) else { return nil }
    let entry = entries.remove(at: index)
    return (entry.line, entry.value)
  }

  private func refuseRest() {
    for entry in entries {
      problem(line: entry.line, key: entry.key, "a known key", "an unknown one")
    }
  }

  private func problem(line: Int, key: String?, _ expected: String, _ found: String) {
    let name = key.map(full) ?? (name.isEmpty ? nil : name)
    problems.list.append(
      SettingsProblem(
        source: .file(path: path, line: line), key: name, expected: expected, found: found))
  }

  private func full(_ key: String) -> String { name.isEmpty ? key : "\(name).\(key)" }
}
