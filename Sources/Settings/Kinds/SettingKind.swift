/// The type of a setting: how its values are read, checked, described and written.
package struct SettingKind<Value: Sendable>: Sendable {
  /// What a value must look like, in words that continue "expected …".
  package let expectation: String
  /// Reads a value; nil where it is not as expected.
  package let parse: @Sendable (SettingInput) -> Value?
  /// Writes a value in the file's notation.
  package let render: @Sendable (Value) -> String

  /// A kind from its three parts.
  package init(
    expectation: String, parse: @escaping @Sendable (SettingInput) -> Value?,
    render: @escaping @Sendable (Value) -> String
  ) {
    self.expectation = expectation
    self.parse = parse
    self.render = render
  }
}

extension SettingKind {
  /// A value that may be left out: `null`, `~`, nothing, or an empty environment variable.
  package static func optional<Wrapped: Sendable>(_ kind: SettingKind<Wrapped>) -> SettingKind
  where Value == Wrapped? {
    SettingKind(
      expectation: "\(kind.expectation), or null",
      parse: { input in
        switch input {
        case .nothing, .text(""): .some(nil)
        default: kind.parse(input).map(Optional.some)
        }
      },
      render: { $0.map(kind.render) ?? "null" })
  }
}

extension SettingKind where Value == Bool {
  /// `true` or `false`; YAML 1.1's other spellings (`yes`, `on`) are refused, because people
  /// disagree on them.
  package static var bool: SettingKind {
    SettingKind(
      expectation: "true or false",
      parse: { input in
        guard case .text(let text) = input else { return nil }
        return Bool(text)
      },
      render: { $0 ? "true" : "false" })
  }
}

extension SettingKind where Value == Int {
  /// A whole number within a range; `_` may group digits.
  package static func int(_ range: ClosedRange<Int>) -> SettingKind {
    SettingKind(
      expectation: "a whole number from \(range.lowerBound) to \(range.upperBound)",
      parse: { input in
        guard case .text(let text) = input,
          let value = Int(text.filter { $0 != "_" }), range.contains(value)
        else { return nil }
        return value
      },
      render: { String($0) })
  }

  /// A size in bytes: `64MiB`, `4KiB`, `10MB`, `512B` or a bare number of bytes.
  package static func size(_ range: ClosedRange<Int>) -> SettingKind {
    SettingKind(
      expectation: "a size from \(ByteSize.text(range.lowerBound)) to "
        + "\(ByteSize.text(range.upperBound)), such as 512B, 16KiB or 64MiB",
      parse: { input in
        guard case .text(let text) = input, let value = ByteSize.parse(text),
          range.contains(value)
        else { return nil }
        return value
      },
      render: { ByteSize.text($0) })
  }
}

extension SettingKind where Value == Double {
  /// A number within a range.
  package static func number(_ range: ClosedRange<Double>) -> SettingKind {
    SettingKind(
      expectation: "a number from \(range.lowerBound) to \(range.upperBound)",
      parse: { input in
        guard case .text(let text) = input, let value = Double(text), range.contains(value)
        else { return nil }
        return value
      },
      render: { "\($0)" })
  }
}

extension SettingKind where Value == Duration {
  /// A time span within a range: `250ms`, `20s`, `5m`, `24h`, `30d`; decimals are fine.
  package static func duration(_ range: ClosedRange<Duration>) -> SettingKind {
    SettingKind(
      expectation: "a duration from \(DurationText.text(range.lowerBound)) to "
        + "\(DurationText.text(range.upperBound)), such as 250ms, 20s or 24h",
      parse: { input in
        guard case .text(let text) = input, let value = DurationText.parse(text),
          range.contains(value)
        else { return nil }
        return value
      },
      render: { DurationText.text($0) })
  }
}
