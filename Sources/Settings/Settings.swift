/// A program's configuration after every check: reading a value cannot fail any more.
package struct Settings: Sendable {
  /// The declarations that these values answer to.
  package let schema: SettingsSchema
  private let values: [String: Entry]

  struct Entry: Sendable {
    let accepted: AcceptedSetting
    let source: SettingSource
  }

  init(schema: SettingsSchema, values: [String: Entry]) {
    self.schema = schema
    self.values = values
  }

  /// The value of a key: what the strongest source says, else the declaration's default.
  package subscript<Value>(_ setting: Setting<Value>) -> Value {
    guard let entry = values[setting.name], let value = entry.accepted.value as? Value else {
      return setting.defaultValue
    }
    return value
  }

  /// Where a key's value came from.
  package func source(of setting: any SettingDeclaration) -> SettingSource {
    values[setting.name]?.source ?? .builtIn
  }

  /// A problem that only two keys together show, reported where the given key was set.
  package func problem(
    with setting: any SettingDeclaration, expected: String
  ) -> SettingsProblem {
    let effective = effective(setting)
    return SettingsProblem(
      source: effective.source, key: setting.name, expected: expected, found: effective.text)
  }

  /// Every key with its value and source, in the schema's order; secrets read `(set)` or
  /// `(not set)`.
  package var effective: [EffectiveSetting] { schema.settings.map(effective) }

  private func effective(_ setting: any SettingDeclaration) -> EffectiveSetting {
    let entry = values[setting.name]
    var text = entry?.accepted.text ?? setting.defaultText
    if setting.isSecret { text = text == "null" || text == "\"\"" ? "(not set)" : "(set)" }
    return EffectiveSetting(name: setting.name, text: text, source: entry?.source ?? .builtIn)
  }
}

/// A key as `check-config` shows it.
package struct EffectiveSetting: Hashable, Sendable, CustomStringConvertible {
  /// Dotted name.
  package let name: String
  /// The value in the file's notation; never a secret.
  package let text: String
  /// Where the value came from.
  package let source: SettingSource

  /// `store.flushInterval: 250ms  # broker.yaml:12`.
  package var description: String { "\(name): \(text)  # \(source)" }
}
