/// A parsed YAML value and the line it starts on.
struct YAMLNode: Sendable {
  /// Line in the file, counted from 1.
  let line: Int
  let content: Content

  enum Content: Sendable {
    /// A scalar; `isPlain` when it stood without quotes, so that `null` and `"null"` differ.
    case scalar(String, isPlain: Bool)
    case sequence([YAMLNode])
    /// Entries in the file's order; keys are scalars and no key comes twice.
    case mapping([(key: String, line: Int, value: YAMLNode)])
  }

  /// The node as a setting takes it: one level of scalars.
  var input: SettingInput {
    switch content {
    case .scalar(let text, let isPlain):
      return isPlain && ["", "~", "null", "Null", "NULL"].contains(text) ? .nothing : .text(text)
    case .sequence(let nodes):
      let items = nodes.compactMap(\.scalarText)
      return items.count == nodes.count ? .list(items) : .other("a list with more than texts in it")
    case .mapping(let entries):
      var pairs: [(key: String, value: String)] = []
      for entry in entries {
        guard let text = entry.value.scalarText else {
          return .other("a map with more than texts in it")
        }
        pairs.append((entry.key, text))
      }
      return .map(pairs)
    }
  }

  private var scalarText: String? {
    guard case .scalar(let text, _) = content else { return nil }
    return text
  }
}

/// Why a file is not the YAML that settings are made of; line and column count from 1.
struct YAMLError: Error, Equatable {
  let line: Int
  let column: Int
  let message: String
}
