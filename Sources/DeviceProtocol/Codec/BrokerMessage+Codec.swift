import TelemetryModel

extension BrokerMessage {
  /// Reads a message of the broker; results come as `response`.
  ///
  /// - Throws: what is wrong, with the field; with the request's id, where it can be answered.
  package static func decode(_ bytes: Span<UInt8>) throws(ProtocolError) -> BrokerMessage {
    let envelope = try Envelope(bytes)
    do throws(ProtocolError) {
      return try decode(envelope, bytes)
    } catch {
      throw error.answering(envelope.method == nil ? nil : envelope.id)
    }
  }

  private static func decode(
    _ envelope: Envelope, _ bytes: Span<UInt8>
  ) throws(ProtocolError) -> BrokerMessage {
    guard let method = envelope.method else {
      switch try envelope.response(bytes) {
      case (let id, .error(let error))?: return .error(id: id, error)
      case (let id?, .result(let result))?: return .response(id: id, result)
      case (nil, .result)?, nil:
        throw ProtocolError(malformed: "there is neither a method nor a result", field: "method")
      }
    }
    switch method {
    case "ack":
      let fields = try envelope.fields(bytes)
      guard let acked = try fields.optionalRanges("acked") else {
        throw ProtocolError(field: "params.acked", "missing")
      }
      return .ack(acked)
    case "bye": return .bye(try Bye(try envelope.fields(bytes)))
    default: break
    }
    guard let id = envelope.id else {
      guard method != "command", method != "cancelCommand" else {
        throw ProtocolError(field: "id", "missing")
      }
      return .ignored(method: method)
    }
    switch method {
    case "command": return .command(id: id, try CommandRequest(try envelope.fields(bytes)))
    case "cancelCommand":
      return .cancelCommand(id: id, commandID: try envelope.fields(bytes).token("command"))
    default: return .unknownRequest(id: id, method: method)
    }
  }

  /// Appends the message.
  package func encode(into bytes: inout [UInt8]) {
    var writer = JSONWriter(bytes)
    bytes = []
    write(into: &writer)
    bytes = writer.bytes
  }

  private func write(into writer: inout JSONWriter) {
    switch self {
    case .welcome(let id, let welcome):
      writer.result(id: id) { welcome.write(into: &$0) }
    case .ack(let ranges):
      writer.notification("ack") { writer in
        writer.object { writer in
          writer.key("acked")
          ranges.write(into: &writer)
        }
      }
    case .heartbeatReply(let id, let monoSeconds, let nowSeconds):
      writer.result(id: id) { writer in
        writer.object { writer in
          writer.key("mono")
          writer.write(monoSeconds)
          writer.key("now")
          writer.write(nowSeconds)
        }
      }
    case .bye(let bye):
      writer.notification("bye") { bye.write(into: &$0) }
    case .command(let id, let command):
      writer.request("command", id: id) { command.write(into: &$0) }
    case .cancelCommand(let id, let commandID):
      writer.request("cancelCommand", id: id) { writer in
        writer.object { writer in
          writer.key("command")
          writer.write(commandID)
        }
      }
    case .commandFinishedReply(let id):
      writer.result(id: id) { $0.object { _ in } }
    case .error(let id, let error):
      writer.error(id: id, error)
    case .response(let id, let result):
      writer.result(id: id) { result.write(into: &$0) }
    case .unknownRequest(let id, let method):
      writer.request(method, id: id) { $0.object { _ in } }
    case .ignored(let method):
      writer.notification(method) { $0.object { _ in } }
    }
  }
}
