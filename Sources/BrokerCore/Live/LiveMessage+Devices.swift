import TelemetryModel

// What readers are told that watch devices.
extension LiveMessage {
  /// How many devices one answer has at the most…
  private static let devicesAtOnce = 1_000
  /// …and about how many bytes they and their labels have.
  private static let devicesBytes = 256 << 10
  /// About how much a device takes without its labels.
  private static let deviceBytes = 512

  /// The first of some devices: as many as a reader is told of at once, one at least.
  static func part(_ devices: some Sequence<DeviceStatus>) -> [DeviceStatus] {
    var part: [DeviceStatus] = []
    var bytes = 0
    for status in devices.prefix(devicesAtOnce) {
      bytes += status.labels.reduce(deviceBytes) { $0 + $1.key.utf8.count + $1.value.utf8.count }
      guard part.isEmpty || bytes <= devicesBytes else { break }
      part.append(status)
    }
    return part
  }

  /// The result of `watchDevices`.
  static func devices(
    _ request: String, _ devices: [DeviceStatus],
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
