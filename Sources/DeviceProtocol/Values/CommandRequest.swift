package import TelemetryModel

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
