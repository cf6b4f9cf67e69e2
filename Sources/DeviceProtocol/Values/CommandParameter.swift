package import TelemetryModel

/// One parameter of a command, as a profile declares it; on the wire the value under its name.
package struct CommandParameter: Hashable, Sendable {
  /// What kind of value it takes.
  package enum Kind: String, CaseIterable, Sendable {
    /// True or false.
    case boolean
    /// A whole number.
    case integer
    /// Any finite number.
    case number
    /// Text.
    case string
    /// Something this program does not know; only the other side can tell whether a value fits.
    case unknown
  }

  /// Its name.
  package var name: String
  /// What kind of value it takes.
  package var kind: Kind
  /// What it is, for people.
  package var text: String?
  /// The unit of a number (RFC 8428 §12.1).
  package var unit: String?
  /// The least a number may be.
  package var min: Double?
  /// The most a number may be.
  package var max: Double?
  /// How long a text may be, in bytes; ``ProtocolLimits/maxParameterBytes`` unless it says less.
  package var maxBytes: Int?
  /// The texts it takes; nil for any.
  package var values: [String]?
  /// What it is where nobody gives it.
  package var defaultValue: JSONValue?
  /// Whether it may be left out although it has no default.
  package var isOptional: Bool

  /// A parameter.
  package init(
    name: String, kind: Kind, text: String? = nil, unit: String? = nil, min: Double? = nil,
    max: Double? = nil, maxBytes: Int? = nil, values: [String]? = nil,
    defaultValue: JSONValue? = nil, isOptional: Bool = false
  ) {
    self.name = name
    self.kind = kind
    self.text = text
    self.unit = unit
    self.min = min
    self.max = max
    self.maxBytes = maxBytes
    self.values = values
    self.defaultValue = defaultValue
    self.isOptional = isOptional
  }

  init(name: String, _ fields: Fields) throws(ProtocolError) {
    self.name = name
    let word = try fields.string("type", maxBytes: ProtocolLimits.maxWordBytes)
    kind = Kind(rawValue: word) ?? .unknown
    text = try fields.optionalString("text", maxBytes: ProtocolLimits.maxTextBytes)
    unit = try fields.optionalString("unit", maxBytes: ProtocolLimits.maxWordBytes)
    min = try fields.optionalNumber("min")
    max = try fields.optionalNumber("max")
    maxBytes = try fields.optionalInteger("maxBytes", in: 0...ProtocolLimits.maxParameterBytes)
    values = try fields.optionalStrings(
      "values", maxCount: ProtocolLimits.maxProfileEntries, maxBytes: ProtocolLimits.maxWordBytes)
    defaultValue = fields.object["default"]
    isOptional = try fields.optionalBool("optional") ?? false
  }

  func write(into writer: inout JSONWriter) {
    writer.object { writer in
      writer.key("type")
      writer.write(kind.rawValue)
      writer.member("text", text)
      writer.member("unit", unit)
      writer.member("min", min)
      writer.member("max", max)
      writer.member("maxBytes", maxBytes)
      if let values {
        writer.key("values")
        writer.array { writer in
          for value in values {
            writer.element()
            writer.write(value)
          }
        }
      }
      writer.member("default", defaultValue)
      if isOptional {
        writer.key("optional")
        writer.write(true)
      }
    }
  }
}

extension CommandParameter {
  /// Checks a value; `{value, unit}` is taken where the unit is the declared one.
  ///
  /// - Returns: the plain value.
  /// - Throws: what does not fit.
  package func check(_ given: JSONValue) throws(CommandFault) -> JSONValue {
    var value = given
    if kind != .unknown, case .object(let object) = given, let inner = object["value"] {
      guard let unit, object["unit"]?.string == unit, object.members.count == 2 else {
        throw fault(unit.map { "expected the unit \($0)" } ?? "it has no unit")
      }
      value = inner
    }
    switch kind {
    case .unknown: break
    case .boolean:
      guard case .bool = value else { throw fault("expected true or false") }
    case .string:
      guard case .string(let text) = value else { throw fault("expected a text") }
      try check(text)
    case .integer, .number:
      guard case .number(let number) = value else { throw fault("expected a number") }
      try check(number)
    }
    return value
  }

  /// Reads what somebody typed: `true`, `10`, `10 s` where the unit is `s`, or a text as it is.
  ///
  /// - Throws: what does not fit.
  package func read(_ typed: String) throws(CommandFault) -> JSONValue {
    switch kind {
    case .string, .unknown: return try check(.string(typed))
    case .boolean:
      switch typed {
      case "true", "yes", "on": return true
      case "false", "no", "off": return false
      default: throw fault("expected true or false")
      }
    case .integer, .number:
      if let number = Double(typed) { return try check(.number(number)) }
      let digits = typed.prefix { $0.isNumber || "+-.".contains($0) }
      let rest = typed.dropFirst(digits.count).drop { $0 == " " }
      guard let number = Double(digits) else { throw fault("expected a number") }
      guard let unit else { throw fault("it has no unit") }
      guard rest == unit else { throw fault("expected the unit \(unit)") }
      return try check(.number(number))
    }
  }

  private func check(_ text: String) throws(CommandFault) {
    let limit = maxBytes ?? ProtocolLimits.maxParameterBytes
    guard text.utf8.count <= limit else { throw fault("longer than \(limit) bytes") }
    guard let values, !values.contains(text) else { return }
    throw fault("expected one of \(values.joined(separator: ", "))")
  }

  private func check(_ number: Double) throws(CommandFault) {
    guard number.isFinite else { throw fault("expected a finite number") }
    if kind == .integer, Int64(exactly: number) == nil { throw fault("expected a whole number") }
    if let min, number < min { throw fault("less than \(text(of: min))") }
    if let max, number > max { throw fault("more than \(text(of: max))") }
  }

  private func text(of number: Double) -> String {
    JSONValue.number(number).description + (unit.map { " \($0)" } ?? "")
  }

  private func fault(_ message: String) -> CommandFault {
    CommandFault(parameter: name, message)
  }
}
