package import TelemetryModel

/// What a dashboard asks about commands.
package enum CommandCall: Hashable, Sendable {
  /// Orders a command, and tells of it from then on: `{device, name, params | arguments, ttl?, key?}`.
  /// `order` is all of it but the device and the key, which makes the order repeatable.
  case send(device: DeviceID, key: String?, order: JSONValue)
  /// Tells what becomes of a command.
  case watch(String)
  /// Cancels a command.
  case cancel(String)

  init?(_ method: String, _ params: () throws(ProtocolError) -> Fields) throws(ProtocolError) {
    switch method {
    case "sendCommand":
      let fields = try params()
      let name = try fields.string("device", maxBytes: DeviceID.maxBytes)
      guard let device = try? DeviceID(name) else {
        throw ProtocolError(field: fields.path(of: "device"), "expected the name of a device")
      }
      let key = try fields.optionalString("key", maxBytes: 255)
      var order = JSONObject()
      for word in ["name", "params", "arguments", "ttl"] { order[word] = fields.object[word] }
      self = .send(device: device, key: key, order: .object(order))
    case "watchCommand": self = .watch(try params().token("command"))
    case "cancelCommand": self = .cancel(try params().token("command"))
    default: return nil
    }
  }
}
