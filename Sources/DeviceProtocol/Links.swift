import TelemetryModel

/// Where and as what the device link is opened.
package enum DeviceLink {
  /// The path of the upgrade; `?device=ID` names the device in open mode.
  package static let path = "/v1/device"
  /// The WebSocket subprotocol.
  package static let subprotocol = "hawser.device.v1"
  /// Where sessions over HTTP begin; `/{session}/up` and `/{session}/down` go on.
  package static let sessionPath = "/v1/device/session"

  /// The last line of a session over HTTP, in place of a close frame: the notification
  /// `closed {code, reason}`.
  package static func closedMessage(_ reason: CloseReason, _ detail: String) -> [UInt8] {
    var writer = JSONWriter()
    writer.notification("closed") { writer in
      writer.object { writer in
        writer.key("code")
        writer.write(Int(reason.code))
        writer.key("reason")
        writer.write(reason.text(detail))
      }
    }
    return writer.bytes
  }
}

/// Where and as what the live link is opened.
package enum LiveLink {
  /// The path of the upgrade.
  package static let path = "/v1/live"
  /// The WebSocket subprotocol.
  package static let subprotocol = "hawser.live.v1"
}
