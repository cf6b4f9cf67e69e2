import TelemetryModel

/// The broker's word before a planned close.
package struct Bye: Hashable, Sendable {
  /// Why, as a stable word or short text.
  package var reason: String
  /// When to come back: a moment chosen at random between the two; nil leaves it to the backoff.
  package var reconnectAfter: ClosedRange<Duration>?

  /// A farewell.
  package init(reason: String, reconnectAfter: ClosedRange<Duration>?) {
    self.reason = reason
    self.reconnectAfter = reconnectAfter
  }

  init(_ fields: Fields) throws(ProtocolError) {
    reason = try fields.optionalString("reason", maxBytes: ProtocolLimits.maxTextBytes) ?? ""
    guard let window = try fields.optionalObject("reconnectAfter") else { return }
    let least = try window.duration("min")
    let most = try window.duration("max")
    guard least <= most else {
      throw ProtocolError(field: window.path(of: "max"), "smaller than min")
    }
    reconnectAfter = least...most
  }

  func write(into writer: inout JSONWriter) {
    writer.object { writer in
      writer.key("reason")
      writer.write(reason)
      guard let reconnectAfter else { return }
      writer.key("reconnectAfter")
      writer.object { writer in
        writer.key("min")
        writer.write(reconnectAfter.lowerBound)
        writer.key("max")
        writer.write(reconnectAfter.upperBound)
      }
    }
  }
}
