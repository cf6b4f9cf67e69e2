package import TelemetryModel

/// Short messages of the broker on the live link, as bytes.
package enum LiveAnswer {
  /// The empty result of a request that asked for something to be done.
  package static func done(_ id: String) -> [UInt8] {
    var json = JSONWriter()
    json.result(id: id) { $0.object { _ in } }
    return json.bytes
  }

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

  /// `gap`: a span of time that was left out of a subscription.
  package static func gap(
    subscription: String, from: Timestamp, to: Timestamp, reason: String
  ) -> [UInt8] {
    var json = JSONWriter()
    json.notification("gap") { json in
      json.object { json in
        json.key("subscription")
        json.write(subscription)
        json.key("from")
        json.write(from)
        json.key("to")
        json.write(to)
        json.key("reason")
        json.write(reason)
      }
    }
    return json.bytes
  }
}
