extension SettingKind where Value == String {
  /// Text that a function accepts; the expectation says in words what it asks for.
  package static func text(
    _ expectation: String, where isValid: @escaping @Sendable (String) -> Bool
  ) -> SettingKind {
    SettingKind(
      expectation: expectation,
      parse: { input in
        guard case .text(let text) = input, !hasControlCharacters(text), isValid(text)
        else { return nil }
        return text
      },
      render: { YAMLText.scalar($0) })
  }

  /// Any text of one line, 1 to `maxBytes` bytes of UTF-8.
  package static func string(maxBytes: Int = 1024) -> SettingKind {
    text("text of 1 to \(maxBytes) bytes") { (1...maxBytes).contains($0.utf8.count) }
  }

  /// A file or folder; relative ones count from the working directory. Not checked for existence.
  package static var path: SettingKind {
    text("a path") { (1...4095).contains($0.utf8.count) }
  }

  /// One of a few words.
  package static func choice(_ words: [String]) -> SettingKind {
    text("one of \(words.joined(separator: ", "))") { words.contains($0) }
  }
}

extension SettingKind where Value == [String] {
  /// A list of texts; in the environment and in arguments its items are separated by commas.
  package static func list(
    of expectation: String = "texts", maxCount: Int = 1000,
    where isValid: @escaping @Sendable (String) -> Bool = { !$0.isEmpty }
  ) -> SettingKind {
    SettingKind(
      expectation: "a list of \(expectation)",
      parse: { input in
        let items: [String]
        switch input {
        case .nothing: items = []
        case .list(let list): items = list
        case .text(let text): items = splitAtCommas(text)
        case .map, .other: return nil
        }
        guard items.count <= maxCount,
          items.allSatisfy({ !hasControlCharacters($0) && isValid($0) })
        else { return nil }
        return items
      },
      render: { items in
        "[\(items.map { YAMLText.flowScalar($0) }.joined(separator: ", "))]"
      })
  }
}

extension SettingKind where Value == [String: String] {
  /// A map of texts; in the environment and in arguments `key=value,key=value`.
  package static func map(
    of expectation: String = "names to texts", maxCount: Int = 100,
    where isValid: @escaping @Sendable (_ key: String, _ value: String) -> Bool = { key, _ in
      !key.isEmpty
    }
  ) -> SettingKind {
    SettingKind(
      expectation: "a map of \(expectation)",
      parse: { input in
        guard let entries = mapEntries(input), entries.count <= maxCount else { return nil }
        var map: [String: String] = [:]
        for (key, value) in entries {
          guard !hasControlCharacters(key), !hasControlCharacters(value), isValid(key, value),
            map.updateValue(value, forKey: key) == nil
          else { return nil }
        }
        return map
      },
      render: { map in
        let entries = map.sorted { $0.key < $1.key }.map {
          "\(YAMLText.flowScalar($0.key)): \(YAMLText.flowScalar($0.value))"
        }
        return "{\(entries.joined(separator: ", "))}"
      })
  }
}

/// Control characters in a setting are a slip of the editor, and forge lines in logs.
private func hasControlCharacters(_ text: String) -> Bool {
  text.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F }
}

private func splitAtCommas(_ text: String) -> [String] {
  text.split(separator: ",").map(trimmed).filter { !$0.isEmpty }
}

private func trimmed(_ text: Substring) -> String {
  let start = text.drop { $0 == " " }
  guard let end = start.lastIndex(where: { $0 != " " }) else { return "" }
  return String(start[...end])
}

private func mapEntries(_ input: SettingInput) -> [(key: String, value: String)]? {
  switch input {
  case .nothing: return []
  case .map(let entries): return entries
  case .text(let text):
    var entries: [(key: String, value: String)] = []
    for item in splitAtCommas(text) {
      guard let equals = item.firstIndex(of: "=") else { return nil }
      entries.append((trimmed(item[..<equals]), trimmed(item[item.index(after: equals)...])))
    }
    return entries
  case .list, .other: return nil
  }
}
