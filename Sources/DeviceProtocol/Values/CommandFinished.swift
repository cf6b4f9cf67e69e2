import TelemetryModel

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
