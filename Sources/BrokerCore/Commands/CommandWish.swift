package import DeviceProtocol
package import TelemetryModel

/// What somebody wants a device to do, not checked yet.
package struct CommandWish: Hashable, Sendable {
  /// Parameters as they were given.
  package enum Parameters: Hashable, Sendable {
    /// As JSON values.
    case values(JSONObject)
    /// As somebody typed them.
    case typed([String: String])
  }

  /// Which of its commands.
  package var name: String
  /// With which parameters.
  package var parameters: Parameters
  /// How long it may wait to be started; nil for ``CommandDesk/Policy/ttl``.
  package var ttl: Duration?
  /// What makes the order repeatable (draft-ietf-httpapi-idempotency-key-header).
  package var key: String?
  /// The rollout that it is part of.
  package var rollout: String?

  /// Names all parts.
  package init(
    name: String, parameters: Parameters, ttl: Duration? = nil, key: String? = nil,
    rollout: String? = nil
  ) {
    self.name = name
    self.parameters = parameters
    self.ttl = ttl
    self.key = key
    self.rollout = rollout
  }

  /// Reads `{name, params | arguments, ttl?}`, the body of an order.
  ///
  /// - Throws: what is wrong, by field.
  package init(json: JSONValue) throws(CommandRefusal) {
    guard let object = json.object else { throw .malformed("", "expected an object") }
    for member in object.members
    where !["name", "params", "arguments", "ttl"].contains(member.key) {
      throw .malformed(
        String(member.key.prefix(64)), "unknown; known are name, params, arguments, ttl")
    }
    guard let name = object["name"]?.string,
      (1...ProtocolLimits.maxWordBytes).contains(name.unicodeScalars.count)
    else { throw .malformed("name", "expected the name of a command") }
    self.init(name: name, parameters: try CommandWish.parameters(object))
    ttl = try CommandWish.seconds("ttl", of: object)
  }

  static func parameters(_ object: JSONObject) throws(CommandRefusal) -> Parameters {
    if let typed = object["arguments"] {
      guard let members = typed.object?.members, object["params"] == nil else {
        throw .malformed("arguments", "expected an object of texts, and no params beside it")
      }
      var texts: [String: String] = [:]
      for member in members {
        guard let text = member.value.string else {
          throw .malformed("arguments.\(member.key.prefix(64))", "expected a text")
        }
        texts[member.key] = text
      }
      return .typed(texts)
    }
    switch object["params"] {
    case nil, .null?: return .values(JSONObject())
    case .object(let params)?: return .values(params)
    default: throw .malformed("params", "expected an object")
    }
  }

  static func seconds(_ key: String, of object: JSONObject) throws(CommandRefusal) -> Duration? {
    switch object[key] {
    case nil, .null?: return nil
    case .number(let seconds)? where seconds > 0 && seconds <= 1e9: return .fromSeconds(seconds)
    default: throw .malformed(key, "expected seconds, over 0")
    }
  }

  /// The order as it is compared with another under the same key.
  var fingerprint: String {
    let given: JSONValue =
      switch parameters {
      case .values(let object): .object(object)
      case .typed(let texts):
        .object(
          texts.sorted { $0.key < $1.key }.reduce(into: JSONObject()) {
            $0[$1.key] = .string($1.value)
          })
      }
    let ttl: JSONValue = ttl.map { .number($0.inSeconds) } ?? .null
    return JSONValue.array([.string(name), given, ttl]).description
  }

  /// Holds it against a device's profile.
  func check(_ abilities: DeviceAbilities) throws(CommandRefusal) -> (
    CommandDeclaration, JSONObject
  ) {
    guard let declaration = abilities[name] else {
      throw .unknownCommand(name, known: abilities.commands.map(\.name))
    }
    do {
      switch parameters {
      case .values(let object): return (declaration, try declaration.check(object))
      case .typed(let texts): return (declaration, try declaration.read(texts))
      }
    } catch {
      throw .unfit(error)
    }
  }
}

/// Why an order is not taken.
package enum CommandRefusal: Error, Hashable, Sendable {
  /// It makes no sense; the field and what is wrong with it.
  case malformed(String, String)
  /// There is no such device.
  case unknownDevice(DeviceID)
  /// The device has not said that it can do this.
  case unknownCommand(String, known: [String])
  /// The parameters do not fit the device's profile.
  case unfit(CommandFault)
  /// The key was used for another order.
  case keyReused
  /// As many commands wait for the device as may.
  case tooMany(limit: Int)
  /// It is for devices of which there is none.
  case noDevice
  /// The store takes nothing; nothing was ordered.
  case storeUnavailable
  /// There is no such command.
  case notFound(String)
  /// It has ended: there is nothing to cancel.
  case ended(CommandPhase)
  /// The rollout is in no state for that.
  case wrongState(Rollout.State)

  /// A stable word for programs.
  package var code: String {
    switch self {
    case .malformed: "invalidParameter"
    case .unknownDevice, .notFound: "notFound"
    case .unknownCommand: "unknownCommand"
    case .unfit: "invalidParameter"
    case .keyReused: "keyReused"
    case .tooMany: "tooManyCommands"
    case .noDevice: "noDevice"
    case .storeUnavailable: "storeUnavailable"
    case .ended: "ended"
    case .wrongState: "wrongState"
    }
  }

  /// The member at fault, where one is.
  package var field: String? {
    switch self {
    case .malformed(let field, _): field.isEmpty ? nil : field
    case .unknownCommand: "name"
    case .unfit(let fault): fault.parameter.map { "params.\($0)" } ?? "params"
    case .keyReused: "Idempotency-Key"
    case .noDevice: "to"
    default: nil
    }
  }

  /// One sentence for people.
  package var text: String {
    switch self {
    case .malformed(let field, let text): field.isEmpty ? text : "\(field): \(text)."
    case .unknownDevice(let device): "There is no device \(device)."
    case .unknownCommand(let name, let known):
      known.isEmpty
        ? "The device has not said that it takes any command."
        : "The device has no command \(name.prefix(64)); it has \(known.joined(separator: ", "))."
    case .unfit(let fault): "\(fault)."
    case .keyReused: "The key was used for another order to this device."
    case .noDevice: "No device matches."
    case .tooMany(let limit): "\(limit) commands wait for the device already."
    case .storeUnavailable: "The store takes nothing at the moment; nothing was ordered."
    case .notFound(let id): "There is nothing called \(id.prefix(64))."
    case .ended(let state): "The command has ended: \(state.rawValue)."
    case .wrongState(let state): "The rollout is \(state.rawValue)."
    }
  }
}
