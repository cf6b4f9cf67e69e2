import TelemetryModel

extension AgentMessage {
  /// Reads a message of an agent.
  ///
  /// - Throws: what is wrong, with the field; with the request's id, where it can be answered.
  package static func decode(_ bytes: Span<UInt8>) throws(ProtocolError) -> AgentMessage {
    let envelope = try Envelope(bytes, telemetry: true)
    do throws(ProtocolError) {
      return try decode(envelope, bytes)
    } catch {
      throw error.answering(envelope.method == nil ? nil : envelope.id)
    }
  }

  private static func decode(
    _ envelope: Envelope, _ bytes: Span<UInt8>
  ) throws(ProtocolError) -> AgentMessage {
    if let telemetry = envelope.telemetry { return try telemetry.message() }
    guard let method = envelope.method else {
      guard let (id, response) = try envelope.response(bytes) else {
        throw ProtocolError(malformed: "there is neither a method nor a result", field: "method")
      }
      return id.map { .response(id: $0, response) } ?? .ignored(method: "error")
    }
    switch method {
    case "telemetry": return try telemetry(envelope, bytes)
    case "gap": return .gap(try Gap(try envelope.fields(bytes)))
    case "commandProgress": return .commandProgress(try CommandProgress(try envelope.fields(bytes)))
    default: break
    }
    guard let id = envelope.id else {
      let isRequest = ["hello", "heartbeat", "probe", "commandFinished"].contains(method)
      guard !isRequest else { throw ProtocolError(field: "id", "missing") }
      return .ignored(method: method)
    }
    switch method {
    case "hello": return .hello(id: id, try Hello(try envelope.fields(bytes)))
    case "heartbeat":
      return .heartbeat(id: id, monoSeconds: try envelope.fields(bytes).number("mono"))
    case "probe":
      return .probe(id: id, silenceSeconds: try envelope.fields(bytes).number("silence"))
    case "commandFinished":
      return .commandFinished(id: id, try CommandFinished(try envelope.fields(bytes)))
    default: return .unknownRequest(id: id, method: method)
    }
  }

  /// `telemetry` whose params stood before its method.
  private static func telemetry(
    _ envelope: Envelope, _ bytes: Span<UInt8>
  ) throws(ProtocolError) -> AgentMessage {
    guard let params = envelope.params else {
      throw ProtocolError(field: "params", "missing")
    }
    var reader = JSONReader(at: params.lowerBound)
    let telemetry: TelemetryParams
    do throws(JSONError) {
      telemetry = try TelemetryParams(&reader, bytes)
    } catch {
      throw ProtocolError(error)
    }
    return try telemetry.message()
  }

  /// Appends the message.
  ///
  /// - Parameters:
  ///   - bytes: what is appended to.
  ///   - source: the bytes in which the pack of `telemetry` stands; a pack that is not there is
  ///     written as `[]`. Others do not need it.
  package func encode(into bytes: inout [UInt8], packFrom source: [UInt8] = []) {
    var writer = JSONWriter(bytes)
    bytes = []
    write(into: &writer, packFrom: source)
    bytes = writer.bytes
  }

  /// Appends a `telemetry` message whose pack is SenML already, as it lies in a spool.
  package static func encodeTelemetry(
    seq: UInt64, lane: Lane, pack: some Sequence<UInt8>, into bytes: inout [UInt8]
  ) {
    bytes.append(contentsOf: #"{"jsonrpc":"2.0","method":"telemetry","params":{"seq":"#.utf8)
    var writer = JSONWriter(bytes)
    bytes = []
    writer.write(seq)
    writer.raw(lane == .live ? #","lane":"live","pack":"# : #","lane":"backfill","pack":"#)
    writer.write(json: pack)
    writer.raw("}}")
    bytes = writer.bytes
  }

  private func write(into writer: inout JSONWriter, packFrom source: [UInt8]) {
    switch self {
    case .hello(let id, let hello):
      writer.request("hello", id: id) { hello.write(into: &$0) }
    case .telemetry(let seq, let lane, let pack):
      let inside = pack.lowerBound >= 0 && pack.upperBound <= source.count && !pack.isEmpty
      var bytes = writer.bytes
      writer.bytes = []
      AgentMessage.encodeTelemetry(
        seq: seq, lane: lane, pack: inside ? source[pack] : [0x5B, 0x5D], into: &bytes)
      writer.bytes = bytes
    case .gap(let gap):
      writer.notification("gap") { gap.write(into: &$0) }
    case .heartbeat(let id, let monoSeconds):
      writer.request("heartbeat", id: id) { writer in
        writer.object { writer in
          writer.key("mono")
          writer.write(monoSeconds)
        }
      }
    case .probe(let id, let silenceSeconds):
      writer.request("probe", id: id) { writer in
        writer.object { writer in
          writer.key("silence")
          writer.write(silenceSeconds)
        }
      }
    case .commandProgress(let progress):
      writer.notification("commandProgress") { progress.write(into: &$0) }
    case .commandFinished(let id, let finished):
      writer.request("commandFinished", id: id) { finished.write(into: &$0) }
    case .response(let id, .result(let result)):
      writer.result(id: id) { result.write(into: &$0) }
    case .response(let id, .error(let error)):
      writer.error(id: id, error)
    case .unknownRequest(let id, let method):
      writer.request(method, id: id) { $0.object { _ in } }
    case .ignored(let method):
      writer.notification(method) { $0.object { _ in } }
    }
  }
}
