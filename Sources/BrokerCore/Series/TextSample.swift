package import TelemetryModel

/// One reading of a series that is text or bytes: a state in words, a version, what a tag said.
///
/// It is kept as it came, for as long as other readings; no window is made of it.
package struct TextSample: Hashable, Sendable {
  /// What it says.
  package enum Value: Hashable, Sendable {
    /// SenML's `vs`.
    case string(String)
    /// SenML's `vd`, decoded.
    case data([UInt8])

    /// How long it is, in bytes.
    package var byteCount: Int {
      switch self {
      case .string(let text): text.utf8.count
      case .data(let data): data.count
      }
    }
  }

  /// Which series it belongs to.
  package var series: SeriesID
  /// When the device took it, by the device's clock.
  package var time: Timestamp
  /// What it says.
  package var value: Value
  /// What is known of how far its time can be trusted.
  package var quality: SampleQuality

  /// Names all parts.
  package init(
    series: SeriesID, time: Timestamp, value: Value, quality: SampleQuality = []
  ) {
    self.series = series
    self.time = time
    self.value = value
    self.quality = quality
  }
}

extension TextSample {
  /// A reading whose value stands beside it: everything but the number is taken over.
  init(_ sample: Sample, _ value: Value) {
    self.init(series: sample.series, time: sample.time, value: value, quality: sample.quality)
  }
}
