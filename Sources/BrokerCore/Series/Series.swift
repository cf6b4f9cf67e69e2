package import TelemetryModel

/// The broker's own number for a series; small, stable for as long as the store lives, never reused.
package struct SeriesID: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// 1, 2, 3… in the order in which series were first seen.
  package var number: Int64

  /// Stands for a series that is not known yet.
  package static let none = SeriesID(0)

  /// Wraps a number that the catalogue assigned.
  package init(_ number: Int64) {
    self.number = number
  }

  /// Orders by age: series seen first come first.
  package static func < (left: SeriesID, right: SeriesID) -> Bool {
    left.number < right.number
  }

  /// The bare number, as on the wire.
  package var description: String {
    String(number)
  }
}

/// One stream of readings: a device, a metric and the one unit that it is measured in.
package struct Series: Hashable, Sendable {
  /// The number that rows refer to.
  package var id: SeriesID
  /// Who measures.
  package var device: DeviceID
  /// What is measured: the resolved SenML name without the device's own prefix.
  package var metric: MetricName
  /// The SenML unit, or nil where the device never gave one.
  package var unit: String?
  /// What its readings are, as the first one was.
  package var kind: Kind

  /// What readings are, so that whoever shows a series knows how before the first one comes.
  package enum Kind: String, Hashable, Sendable, CaseIterable {
    /// Numbers.
    case number
    /// SenML's `vb`, kept as 0 and 1.
    case boolean
    /// SenML's `vs`.
    case text
    /// SenML's `vd`.
    case data
  }

  /// Names all parts.
  package init(
    id: SeriesID, device: DeviceID, metric: MetricName, unit: String?, kind: Kind = .number
  ) {
    self.id = id
    self.device = device
    self.metric = metric
    self.unit = unit
    self.kind = kind
  }
}

/// One numeric reading of one series.
package struct Sample: Hashable, Sendable {
  /// Which series it belongs to.
  package var series: SeriesID
  /// When the device took it, by the device's clock.
  package var time: Timestamp
  /// The value, in the series' unit; booleans are 0 and 1.
  package var value: Double
  /// What is known of how far its time can be trusted.
  package var quality: SampleQuality

  /// Names all parts.
  package init(
    series: SeriesID, time: Timestamp, value: Double, quality: SampleQuality = []
  ) {
    self.series = series
    self.time = time
    self.value = value
    self.quality = quality
  }
}

/// What is known of a reading beyond its value; stored with it.
package struct SampleQuality: OptionSet, Hashable, Sendable {
  /// The bits; part of the store's format.
  package var rawValue: UInt8

  /// The bits as they are.
  package init(rawValue: UInt8) {
    self.rawValue = rawValue
  }

  /// The device's clock was not set: its time was reckoned from the moment of arrival
  /// (RFC 8428 §4.5.3).
  package static let relativeTime = SampleQuality(rawValue: 1 << 0)
  /// The device's clock disagreed with the broker's by more than readings may lie in the future.
  package static let clockOff = SampleQuality(rawValue: 1 << 1)
  /// It came on the backfill lane, or after its shortest window had closed.
  package static let late = SampleQuality(rawValue: 1 << 2)
}
