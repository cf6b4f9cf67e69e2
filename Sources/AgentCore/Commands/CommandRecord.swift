import DeviceProtocol
package import TelemetryModel

/// What the journal knows of one command.
package struct CommandRecord: Hashable, Sendable {
  /// How far it is.
  package enum Phase: Hashable, Sendable {
    /// It waits for its turn; nothing was done.
    case waiting
    /// Its work was begun, or was about to be.
    case running
    /// It is over.
    case finished(CommandResult)
  }

  /// The command's id.
  package let id: String
  /// Which command.
  package var name: String
  /// Its checked parameters, with defaults.
  package var params: JSONObject
  /// When it must not be begun any more, by the broker's clock.
  package var expires: Timestamp
  /// The boot whose monotonic clock `deadline` is of.
  package var boot: String
  /// The same moment on the monotonic clock of the boot in which it arrived.
  package var deadline: Duration
  /// How often its work was begun: more than once only where that is harmless.
  package var starts = 0
  /// How far it is.
  package var phase = Phase.waiting
  /// Whether the broker knows the result.
  package var isConfirmed = false

  /// A command that waits.
  package init(
    id: String, name: String, params: JSONObject, expires: Timestamp, boot: String,
    deadline: Duration
  ) {
    self.id = id
    self.name = name
    self.params = params
    // Within what the journal's numbers hold, 250,000 years either way.
    let bound: Int64 = 8_000_000_000_000_000_000
    self.expires = Timestamp(microseconds: min(max(expires.microseconds, -bound), bound))
    self.boot = boot
    self.deadline = deadline
  }

  /// Its result, once it is over.
  package var result: CommandResult? {
    guard case .finished(let result) = phase else { return nil }
    return result
  }

  /// What is left to be known of it once the broker has its result.
  var confirmed: CommandRecord {
    var record = self
    record.isConfirmed = true
    record.params = JSONObject()
    if let result { record.phase = .finished(CommandResult(result.outcome)) }
    return record
  }

  /// Without its output, where there is no room for it.
  var withoutOutput: CommandRecord {
    guard var result, result.output != nil else { return self }
    let bytes = result.outputBytes ?? result.output?.utf8.count
    result.output = nil
    result.outputBytes = bytes
    result.reason = (result.reason.map { $0 + "; " } ?? "") + "the journal had no room for output"
    var record = self
    record.phase = .finished(result.bounded)
    return record
  }
}

// The journal's notation: JSON, since it is rare and should be readable in ten years.
extension CommandRecord {
  var json: JSONValue {
    var object = JSONObject()
    object["id"] = .string(id)
    object["name"] = .string(name)
    object["params"] = .object(params)
    // Microseconds, which JSON's numbers hold exactly for 285 years.
    object["expires"] = .number(Double(expires.microseconds))
    object["boot"] = .string(boot)
    object["deadline"] = .number(deadline.inSeconds)
    object["starts"] = .number(Double(starts))
    switch phase {
    case .waiting: object["phase"] = "waiting"
    case .running: object["phase"] = "running"
    case .finished(let result):
      object["phase"] = "finished"
      object["result"] = result.state.json
    }
    object["confirmed"] = .bool(isConfirmed)
    return .object(object)
  }

  init?(json: JSONValue) {
    guard let id = json["id"]?.string, let name = json["name"]?.string,
      let params = json["params"]?.object, let expires = json["expires"]?.number,
      let boot = json["boot"]?.string, let deadline = json["deadline"]?.number,
      let starts = json["starts"]?.number.flatMap({ Int(exactly: $0) }),
      let isConfirmed = json["confirmed"]?.bool, abs(expires) < 9e18
    else { return nil }
    self.init(
      id: id, name: name, params: params, expires: Timestamp(microseconds: Int64(expires)),
      boot: boot, deadline: .fromSeconds(deadline))
    self.starts = starts
    self.isConfirmed = isConfirmed
    switch json["phase"]?.string {
    case "waiting": phase = .waiting
    case "running": phase = .running
    case "finished":
      guard let state = json["result"].flatMap({ try? CommandState(json: $0) }),
        let outcome = state.outcome
      else { return nil }
      phase = .finished(
        CommandResult(
          outcome, exitCode: state.exitCode, output: state.output,
          outputBytes: state.outputBytes, reason: state.reason))
    default: return nil
    }
  }
}
