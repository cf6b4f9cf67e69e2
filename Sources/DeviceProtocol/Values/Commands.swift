package import TelemetryModel

/// How a command ended.
package enum CommandOutcome: String, CaseIterable, Sendable {
  /// It did what it should.
  case succeeded
  /// It was tried and did not work.
  case failed
  /// It was not tried.
  case rejected
  /// It was stopped on request.
  case cancelled
  /// It came too late to be tried.
  case expired
  /// The device died between start and end; nobody knows.
  case unknown
}

/// A command for a device.
package struct CommandRequest: Hashable, Sendable {
  /// The command's id, the same at every attempt.
  package var command: String
  /// Which of the profile's commands.
  package var name: String
  /// Its parameters.
  package var params: JSONObject
  /// When it is no longer to be started, by the broker's clock.
  package var expires: Timestamp
  /// How much of its time was left when this was sent, in seconds: what the device goes by, whatever
  /// its own clock says. Nil from a broker that does not say it.
  package var remainingSeconds: Double?
  /// Counts the attempts to deliver it, from 1.
  package var attempt: Int

  /// A command.
  package init(
    command: String, name: String, params: JSONObject, expires: Timestamp,
    remainingSeconds: Double? = nil, attempt: Int
  ) {
    self.command = command
    self.name = name
    self.params = params
    self.expires = expires
    self.remainingSeconds = remainingSeconds
    self.attempt = attempt
  }

  init(_ fields: Fields) throws(ProtocolError) {
    command = try fields.token("command")
    name = try fields.string("name", maxBytes: ProtocolLimits.maxWordBytes)
    params = try fields.optionalObject("params")?.object ?? JSONObject()
    expires = Timestamp(seconds: try fields.number("expires"))
    remainingSeconds = try fields.optionalNumber("remaining")
    attempt = try fields.optionalInteger("attempt", in: 1...Int(Int32.max)) ?? 1
  }

  func write(into writer: inout JSONWriter) {
    writer.object { writer in
      writer.key("command")
      writer.write(command)
      writer.key("name")
      writer.write(name)
      writer.member("params", .object(params))
      writer.key("expires")
      writer.write(expires)
      writer.member("remaining", remainingSeconds)
      writer.key("attempt")
      writer.write(attempt)
    }
  }
}

/// What the agent answers to a command at once; to a repeated one, what its journal says.
package struct CommandState: Hashable, Sendable {
  /// How far the command is.
  package enum Phase: String, CaseIterable, Sendable {
    /// It will be started.
    case accepted
    /// It runs.
    case running
    /// It has ended; there is a result.
    case finished
    /// It will not be started; the reason says why.
    case rejected
  }

  /// How far the command is.
  package var state: Phase
  /// How it ended, if it has.
  package var outcome: CommandOutcome?
  /// The exit code of what was run.
  package var exitCode: Int?
  /// What it printed; not all of it where ``outputBytes`` is set.
  package var output: String?
  /// How many bytes it printed in all, where `output` had to be cut or is no text.
  package var outputBytes: Int?
  /// Why it ended or was rejected so.
  package var reason: String?

  /// A state.
  package init(
    state: Phase, outcome: CommandOutcome? = nil, exitCode: Int? = nil, output: String? = nil,
    outputBytes: Int? = nil, reason: String? = nil
  ) {
    self.state = state
    self.outcome = outcome
    self.exitCode = exitCode
    self.output = output
    self.outputBytes = outputBytes
    self.reason = reason
  }

  /// Reads the result of `command`.
  ///
  /// - Throws: the first field that is missing or wrong.
  package init(json: JSONValue) throws(ProtocolError) {
    let fields = try Fields(json, path: "result")
    state = try fields.choice("state")
    outcome = try fields.optionalChoice("outcome")
    exitCode = try fields.optionalInteger("exitCode", in: Int(Int32.min)...Int(Int32.max))
    output = try fields.optionalString("output", maxBytes: ProtocolLimits.maxOutputBytes)
    outputBytes = try fields.optionalInteger("outputBytes", in: 0...Int.max)
    reason = try fields.optionalString("reason", maxBytes: ProtocolLimits.maxTextBytes)
  }

  /// The result of `command` as on the wire.
  package var json: JSONValue {
    var object = JSONObject()
    object["state"] = .string(state.rawValue)
    object["outcome"] = outcome.map { .string($0.rawValue) }
    object["exitCode"] = exitCode.map { .number(Double($0)) }
    object["output"] = output.map { .string($0) }
    object["outputBytes"] = outputBytes.map { .number(Double($0)) }
    object["reason"] = reason.map { .string($0) }
    return .object(object)
  }
}

/// News of a running command.
package struct CommandProgress: Hashable, Sendable {
  /// The command's id.
  package var command: String
  /// How much is done, 0…100.
  package var percent: Double?
  /// What is being done, for people.
  package var text: String?
  /// What it has printed since the last news.
  package var output: String?

  /// News of a running command.
  package init(
    command: String, percent: Double? = nil, text: String? = nil, output: String? = nil
  ) {
    self.command = command
    self.percent = percent
    self.text = text
    self.output = output
  }

  init(_ fields: Fields) throws(ProtocolError) {
    command = try fields.token("command")
    percent = try fields.optionalNumber("percent")
    if let percent, percent < 0 || percent > 100 {
      throw ProtocolError(field: fields.path(of: "percent"), "expected 0 to 100")
    }
    text = try fields.optionalString("text", maxBytes: ProtocolLimits.maxTextBytes)
    output = try fields.optionalString("output", maxBytes: ProtocolLimits.maxOutputBytes)
  }

  func write(into writer: inout JSONWriter) {
    writer.object { writer in
      writer.key("command")
      writer.write(command)
      writer.member("percent", percent)
      writer.member("text", text)
      writer.member("output", output)
    }
  }
}

/// The end of a command.
package struct CommandFinished: Hashable, Sendable {
  /// The command's id.
  package var command: String
  /// How it ended.
  package var outcome: CommandOutcome
  /// The exit code of what was run.
  package var exitCode: Int?
  /// What it printed; not all of it where ``outputBytes`` is set.
  package var output: String?
  /// How many bytes it printed in all, where `output` had to be cut or is no text.
  package var outputBytes: Int?
  /// Why it ended so.
  package var reason: String?

  /// The end of a command.
  package init(
    command: String, outcome: CommandOutcome, exitCode: Int? = nil, output: String? = nil,
    outputBytes: Int? = nil, reason: String? = nil
  ) {
    self.command = command
    self.outcome = outcome
    self.exitCode = exitCode
    self.output = output
    self.outputBytes = outputBytes
    self.reason = reason
  }

  init(_ fields: Fields) throws(ProtocolError) {
    command = try fields.token("command")
    outcome = try fields.choice("outcome")
    exitCode = try fields.optionalInteger("exitCode", in: Int(Int32.min)...Int(Int32.max))
    output = try fields.optionalString("output", maxBytes: ProtocolLimits.maxOutputBytes)
    outputBytes = try fields.optionalInteger("outputBytes", in: 0...Int.max)
    reason = try fields.optionalString("reason", maxBytes: ProtocolLimits.maxTextBytes)
  }

  func write(into writer: inout JSONWriter) {
    writer.object { writer in
      writer.key("command")
      writer.write(command)
      writer.key("outcome")
      writer.write(outcome.rawValue)
      writer.member("exitCode", exitCode)
      writer.member("output", output)
      writer.member("outputBytes", outputBytes)
      writer.member("reason", reason)
    }
  }
}
