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
