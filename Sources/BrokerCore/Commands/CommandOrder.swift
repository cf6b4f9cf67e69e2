package import DeviceProtocol
package import TelemetryModel

/// What was ordered; never changes.
package struct CommandOrder: Hashable, Sendable {
  /// The command's id (a UUID of version 7, RFC 9562).
  package var id: String
  /// For which device.
  package var device: DeviceID
  /// Which of its commands.
  package var name: String
  /// With which parameters: checked, with defaults.
  package var params: JSONObject
  /// When it was ordered.
  package var created: Timestamp
  /// When it is no longer to be started, by the broker's clock.
  package var expires: Timestamp
  /// How long it may run, as its profile says.
  package var runLimit: Duration
  /// Who ordered it.
  package var actor: String
  /// The rollout that it is part of.
  package var rollout: String?
  /// What makes the order repeatable, if the orderer gave anything.
  package var key: String?
  /// The order as it was given, to tell a repeated one from another under the same key.
  package var request: String

  /// Names all parts.
  package init(
    id: String, device: DeviceID, name: String, params: JSONObject, created: Timestamp,
    expires: Timestamp, runLimit: Duration, actor: String, rollout: String? = nil,
    key: String? = nil, request: String = ""
  ) {
    self.id = id
    self.device = device
    self.name = name
    self.params = params
    self.created = created
    self.expires = expires
    self.runLimit = runLimit
    self.actor = actor
    self.rollout = rollout
    self.key = key
    self.request = request
  }
}

/// What a device said of a command's end.
package struct CommandResult: Hashable, Sendable {
  /// The exit code of what was run.
  package var exitCode: Int?
  /// What it printed; not all of it where ``outputBytes`` is set.
  package var output: String?
  /// How many bytes it printed in all, where `output` had to be cut or is no text.
  package var outputBytes: Int?
  /// Why it ended so.
  package var reason: String?

  /// Nothing but a reason.
  package init(reason: String? = nil) {
    self.reason = reason
  }

  /// What a notification of the end says.
  package init(_ finished: CommandFinished) {
    exitCode = finished.exitCode
    output = finished.output
    outputBytes = finished.outputBytes
    reason = finished.reason
  }

  /// What an answer says.
  package init(_ state: CommandState) {
    exitCode = state.exitCode
    output = state.output
    outputBytes = state.outputBytes
    reason = state.reason
  }
}

extension CommandResult {
  /// Reads what ``json`` wrote; what is no such member is left out.
  package init(json: JSONValue) {
    exitCode = json["exitCode"]?.number.flatMap { Int(exactly: $0) }
    output = json["output"]?.string
    outputBytes = json["outputBytes"]?.number.flatMap { Int(exactly: $0) }
    reason = json["reason"]?.string
  }

  /// `{exitCode?, output?, outputBytes?, reason?}`.
  package var json: JSONValue {
    var object = JSONObject()
    object["exitCode"] = exitCode.map { .number(Double($0)) }
    object["output"] = output.map { .string($0) }
    object["outputBytes"] = outputBytes.map { .number(Double($0)) }
    object["reason"] = reason.map { .string($0) }
    return .object(object)
  }
}

/// Where a command stands; all that changes of it.
package struct CommandStatus: Hashable, Sendable {
  /// Where it is in its life.
  package var state: CommandPhase
  /// Since when.
  package var since: Timestamp
  /// How often it was given to a link.
  package var attempts: Int
  /// Who brought it into this state.
  package var actor: CommandActor
  /// When and by whom it was asked to be stopped, after it had been sent.
  package var cancelled: CancelRequest?
  /// What the device said of its end.
  package var result: CommandResult?

  /// A wish to stop a command that the device may have.
  package struct CancelRequest: Hashable, Sendable {
    /// When.
    package var time: Timestamp
    /// By whom.
    package var actor: String

    /// Names both.
    package init(time: Timestamp, actor: String) {
      self.time = time
      self.actor = actor
    }
  }

  /// Names all parts.
  package init(
    state: CommandPhase, since: Timestamp, attempts: Int, actor: CommandActor,
    cancelled: CancelRequest? = nil, result: CommandResult? = nil
  ) {
    self.state = state
    self.since = since
    self.attempts = attempts
    self.actor = actor
    self.cancelled = cancelled
    self.result = result
  }
}

/// One thing that happened to a command; what its history and the audit are made of.
package struct CommandEvent: Hashable, Sendable {
  /// What happened.
  package enum Kind: Hashable, Sendable {
    /// It came into a state.
    case state(CommandPhase)
    /// It was given to a link once more, as its end was not known.
    case sentAgain
    /// Somebody asked for a command that the device may have to be stopped.
    case cancelRequested
  }

  /// What happened.
  package var kind: Kind
  /// When.
  package var time: Timestamp
  /// Why, in words.
  package var cause: String
  /// Who did it.
  package var actor: CommandActor

  /// Names all parts.
  package init(kind: Kind, time: Timestamp, cause: String, actor: CommandActor) {
    self.kind = kind
    self.time = time
    self.cause = cause
    self.actor = actor
  }

  /// The word for what happened.
  package var word: String {
    switch kind {
    case .state(let state): state.rawValue
    case .sentAgain: "sentAgain"
    case .cancelRequested: "cancelRequested"
    }
  }

  /// Reads what ``word`` wrote; nil for anything else.
  package static func kind(_ word: String) -> Kind? {
    switch word {
    case "sentAgain": .sentAgain
    case "cancelRequested": .cancelRequested
    default: CommandPhase(rawValue: word).map { .state($0) }
    }
  }
}
