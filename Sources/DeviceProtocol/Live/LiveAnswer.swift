package import TelemetryModel

/// Short messages of the broker on the live link, as bytes.
package enum LiveAnswer {
  /// The refusal of a request.
  package static func refusal(_ id: String, _ error: RPCError) -> [UInt8] {
    var json = JSONWriter()
    json.error(id: id, error)
    return json.bytes
  }

  /// The result of a heartbeat.
  package static func heartbeat(_ id: String, monoSeconds: Double, now: Timestamp) -> [UInt8] {
    var json = JSONWriter()
    json.result(id: id) { json in
      json.object { json in
        json.key("mono")
        json.write(monoSeconds)
        json.key("now")
        json.write(now)
      }
    }
    return json.bytes
  }

  /// An error as a JSON object by itself, for streams, which have no requests.
  package static func object(_ error: RPCError) -> [UInt8] {
    var json = JSONWriter()
    error.write(into: &json)
    return json.bytes
  }
}
