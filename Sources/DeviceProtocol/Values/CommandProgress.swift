import TelemetryModel

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
