package import TelemetryModel

/// Which series somebody asks for: every one whose device, metric and labels all fit.
package struct SeriesQuery: Hashable, Sendable {
  /// Patterns of device names, any of which may fit; nil takes every device.
  package var devices: [Glob]?
  /// Patterns of metric names, any of which may fit; nil takes every metric.
  package var metrics: [Glob]?
  /// Labels that the device must carry, each with a fitting value.
  package var labels: [String: Glob]

  /// Names all parts; without any, everything fits.
  package init(
    devices: [Glob]? = nil, metrics: [Glob]? = nil, labels: [String: Glob] = [:]
  ) {
    self.devices = devices
    self.metrics = metrics
    self.labels = labels
  }

  /// Whether a series of a device with these labels is asked for.
  package func matches(_ series: Series, labels deviceLabels: [String: String]) -> Bool {
    matches(device: series.device, labels: deviceLabels)
      && (metrics?.contains { $0.matches(series.metric.string) } ?? true)
  }

  /// Whether a device with these labels is asked for.
  package func matches(device: DeviceID, labels deviceLabels: [String: String]) -> Bool {
    if let devices, !devices.contains(where: { $0.matches(device.string) }) { return false }
    return labels.allSatisfy { key, glob in
      deviceLabels[key].map { glob.matches($0) } ?? false
    }
  }
}
