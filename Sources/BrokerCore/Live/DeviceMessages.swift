import TelemetryModel

// What readers are told that watch devices.
extension LiveMessage {
  /// The result of `watchDevices`.
  static func devices(
    _ request: String, _ devices: ArraySlice<DeviceStatus>,
    history: (DeviceID) -> DeviceLinkHistory?
  ) -> LiveMessage {
    LiveMessage(.result(request: request, event: "devices")) { json in
      json.key("devices")
      json.array { json in
        for status in devices {
          json.element()
          DeviceJSON.write(status, history(status.device), to: &json)
        }
      }
    }
  }

  /// `presence`: a device has come, gone or changed.
  static func presence(_ status: DeviceStatus, _ history: DeviceLinkHistory?) -> LiveMessage {
    LiveMessage(.notification("presence")) { json in
      DeviceJSON.writeMembers(status, history, to: &json)
    }
  }
}
