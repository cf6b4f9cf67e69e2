/// One key of a program's configuration: its name, type, default and the sentence that explains
/// it. It is declared once, as a constant, and everything else (the file, the environment name,
/// the checks, the default file, the getter) follows from it.
package struct Setting<Value: Sendable>: SettingDeclaration {
  /// Dotted name as in the file's nesting: `store.flushInterval`. Parts are camel case.
  package let name: String
  /// How values are read, checked and written.
  package let kind: SettingKind<Value>
  /// The value where no source gives one.
  package let defaultValue: Value
  /// What a bare number counts (`packs`, `°C`), for messages; nil where the value says it itself.
  package let unit: String?
  /// True for what is never printed: passwords, keys, tokens.
  package let isSecret: Bool
  /// One or two sentences for the person who edits the file.
  package let doc: String

  /// Declares a key. The default is not checked against the kind here; a test renders the default
  /// file and reads it back, which does.
  package init(
    _ name: String, _ kind: SettingKind<Value>, default defaultValue: Value, unit: String? = nil,
    secret: Bool = false, _ doc: String
  ) {
    self.name = name
    self.kind = kind
    self.defaultValue = defaultValue
    self.unit = unit
    self.isSecret = secret
    self.doc = doc
  }

  /// What a value must look like, in words, with the unit.
  package var expectation: String {
    guard let unit else { return kind.expectation }
    return "\(kind.expectation) (\(unit))"
  }

  /// The default as it stands in the default file.
  package var defaultText: String { kind.render(defaultValue) }

  /// Reads one value from any source; nil where it is not what `expectation` says.
  package func accept(_ input: SettingInput) -> AcceptedSetting? {
    guard let value = kind.parse(input) else { return nil }
    return AcceptedSetting(value: value, text: kind.render(value))
  }
}

/// What the schema needs to know about a key, whatever its type.
package protocol SettingDeclaration: Sendable {
  /// Dotted name as in the file's nesting.
  var name: String { get }
  /// One or two sentences for the person who edits the file.
  var doc: String { get }
  /// True for what is never printed.
  var isSecret: Bool { get }
  /// What a value must look like, in words.
  var expectation: String { get }
  /// The default as it stands in the default file.
  var defaultText: String { get }
  /// Reads one value from any source; nil where it is not what `expectation` says.
  func accept(_ input: SettingInput) -> AcceptedSetting?
}

/// A value that passed its key's checks.
package struct AcceptedSetting: Sendable {
  /// The typed value, as its `Setting` returns it.
  package let value: any Sendable
  /// The value in the file's notation.
  package let text: String
}

/// A value as a source gave it, before its key's type is applied.
package enum SettingInput: Sendable {
  /// Nothing after the colon, `null` or `~`.
  case nothing
  /// A scalar of the file, or what the environment or an argument says.
  case text(String)
  /// A list of scalars.
  case list([String])
  /// A map of scalars, in the file's order.
  case map([(key: String, value: String)])
  /// Something deeper, which no setting takes; described in words.
  case other(String)

  /// The value in words for a message; long text is cut, control characters are escaped.
  package var description: String {
    switch self {
    case .nothing: "nothing"
    case .text(let text) where text.utf8.count > 80: String(text.prefix(60)).debugDescription + "…"
    case .text(let text): text.debugDescription
    case .list(let items): "a list of \(items.count)"
    case .map(let entries): "a map of \(entries.count)"
    case .other(let words): words
    }
  }
}
