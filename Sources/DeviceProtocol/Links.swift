/// Where and as what the device link is opened.
package enum DeviceLink {
  /// The path of the upgrade; `?device=ID` names the device in open mode.
  package static let path = "/v1/device"
  /// The WebSocket subprotocol.
  package static let subprotocol = "hawser.device.v1"
}

/// Where and as what the live link is opened.
package enum LiveLink {
  /// The path of the upgrade.
  package static let path = "/v1/live"
  /// The WebSocket subprotocol.
  package static let subprotocol = "hawser.live.v1"
}
