package import TelemetryModel

/// A command the device carries out, as its profile declares it. On the wire an object, or just its
/// name where it takes nothing.
package struct CommandDeclaration: Hashable, Sendable {
  /// How much harm it can do; people are asked before the worst.
  package enum Danger: String, CaseIterable, Sendable {
    /// It changes nothing.
    case none
    /// It interrupts what the device does.
    case disruptive
    /// The device may not come back by itself, or something outside of it moves.
    case dangerous
  }

  /// The command's name.
  package var name: String
  /// What it does, for people.
  package var text: String?
  /// Whether running it twice does no more than running it once.
  package var idempotent: Bool
  /// How much harm it can do; a word this program does not know counts as the worst.
  package var danger: Danger
  /// How long it may run, in seconds; nil where the device says nothing.
  package var timeoutSeconds: Double?
  /// Its parameters, in the order in which they are shown.
  package var params: [CommandParameter]

  /// A command.
  package init(
    name: String, text: String? = nil, idempotent: Bool = false, danger: Danger = .none,
    timeoutSeconds: Double? = nil, params: [CommandParameter] = []
  ) {
    self.name = name
    self.text = text
    self.idempotent = idempotent
    self.danger = danger
    self.timeoutSeconds = timeoutSeconds
    self.params = params
  }

  /// Reads a declaration.
  ///
  /// - Throws: the first field that is missing or wrong.
  package init(json: JSONValue) throws(ProtocolError) {
    try self.init(try Fields(json, path: "command"))
  }

  init(_ fields: Fields) throws(ProtocolError) {
    name = try fields.string("name", maxBytes: ProtocolLimits.maxWordBytes)
    text = try fields.optionalString("text", maxBytes: ProtocolLimits.maxTextBytes)
    idempotent = try fields.optionalBool("idempotent") ?? false
    danger =
      try fields.optionalString("danger", maxBytes: ProtocolLimits.maxWordBytes)
      .map { Danger(rawValue: $0) ?? .dangerous } ?? .none
    timeoutSeconds = try fields.optionalNumber("timeout")
    params = []
    guard let declared = try fields.optionalObject("params") else { return }
    guard declared.object.members.count <= ProtocolLimits.maxParameters else {
      throw ProtocolError(
        field: fields.path(of: "params"), "more than \(ProtocolLimits.maxParameters) parameters")
    }
    for member in declared.object.members {
      guard !member.key.isEmpty, member.key.utf8.count <= ProtocolLimits.maxWordBytes else {
        throw ProtocolError(
          field: fields.path(of: "params"),
          "a name is empty or over \(ProtocolLimits.maxWordBytes) bytes")
      }
      let parameter = try Fields(member.value, path: declared.path(of: member.key))
      params.append(try CommandParameter(name: member.key, parameter))
    }
  }

  /// Appends it as JSON.
  package func write(into writer: inout JSONWriter) {
    writer.object { writer in
      writer.key("name")
      writer.write(name)
      writer.member("text", text)
      if idempotent {
        writer.key("idempotent")
        writer.write(true)
      }
      if danger != .none {
        writer.key("danger")
        writer.write(danger.rawValue)
      }
      writer.member("timeout", timeoutSeconds)
      guard !params.isEmpty else { return }
      writer.key("params")
      writer.object { writer in
        for parameter in params {
          writer.key(parameter.name)
          parameter.write(into: &writer)
        }
      }
    }
  }
}

/// Why a command does not fit its declaration.
package struct CommandFault: Error, Hashable, Sendable, CustomStringConvertible {
  /// The parameter at fault; nil where it is the command itself.
  package var parameter: String?
  /// What is wrong.
  package var message: String

  /// Names both.
  package init(parameter: String? = nil, _ message: String) {
    self.parameter = parameter
    self.message = message
  }

  /// `seconds: less than 1 s`
  package var description: String { parameter.map { "\($0): \(message)" } ?? message }
}

extension CommandDeclaration {
  /// Checks parameters and puts in the defaults of those that are missing; both sides do it, as
  /// neither has to trust the other.
  ///
  /// - Returns: all parameters that the command runs with, in the declared order.
  /// - Throws: the first that does not fit, is missing or is not declared.
  package func check(_ given: JSONObject) throws(CommandFault) -> JSONObject {
    try complete(names: given.members.map(\.key)) { parameter throws(CommandFault) in
      guard let value = given[parameter.name], value != .null else { return nil }
      return try parameter.check(value)
    }
  }

  /// The same for parameters that somebody typed; see ``CommandParameter/read(_:)``.
  ///
  /// - Throws: the first that does not fit, is missing or is not declared.
  package func read(_ typed: [String: String]) throws(CommandFault) -> JSONObject {
    try complete(names: typed.keys.sorted()) { parameter throws(CommandFault) in
      guard let text = typed[parameter.name] else { return nil }
      return try parameter.read(text)
    }
  }

  private func complete(
    names: [String], _ value: (CommandParameter) throws(CommandFault) -> JSONValue?
  ) throws(CommandFault) -> JSONObject {
    for name in names where !params.contains(where: { $0.name == name }) {
      let known = params.map(\.name).joined(separator: ", ")
      throw CommandFault(
        parameter: String(name.prefix(ProtocolLimits.maxWordBytes)),
        known.isEmpty ? "\(self.name) takes no parameters" : "unknown; known are \(known)")
    }
    var complete = JSONObject()
    for parameter in params {
      if let value = try value(parameter) ?? parameter.defaultValue {
        complete[parameter.name] = value
      } else if !parameter.isOptional {
        throw CommandFault(parameter: parameter.name, "missing")
      }
    }
    return complete
  }
}
