import TelemetryModel

/// Sketches of windows, mostly in one or two bytes: readings of a short window lie near each other,
/// so that their extremes and count tell the buckets. The rest is written as the sketch writes itself.
///
/// ```
/// 0        all readings lie where the smallest lies, or there are but two
/// 1 · n    n of them lie where the smallest lies, all others where the largest does
/// 255 · length · the sketch's own bytes
/// ```
enum SketchColumn {
  static func encode(_ windows: [StoredWindow]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(windows.count * 2 + 8)
    for window in windows {
      append(window.summary.sketch ?? QuantileSketch(), window.summary.aggregate, &bytes)
    }
    bytes.seal()
    return bytes
  }

  private static func append(
    _ sketch: QuantileSketch, _ aggregate: Aggregate, _ bytes: inout [UInt8]
  ) {
    if sketch == derived(aggregate, low: nil) {
      bytes.append(0)
      return
    }
    if let low = lowCount(sketch, aggregate), sketch == derived(aggregate, low: low) {
      bytes.append(1)
      bytes.appendVarint(low)
      return
    }
    var own: [UInt8] = []
    sketch.encode(into: &own)
    bytes.append(255)
    bytes.appendVarint(UInt64(own.count))
    bytes.append(contentsOf: own)
  }

  /// How many readings lie in the smallest one's bucket, if the largest's bucket holds the others.
  private static func lowCount(_ sketch: QuantileSketch, _ aggregate: Aggregate) -> UInt64? {
    var (low, high) = (UInt64(1), aggregate.count)
    guard high > 2, let smallest = sketch.value(at: 0) else { return nil }
    // The last rank at which the smallest bucket still answers.
    while high - low > 1 {
      let middle = low + (high - low) / 2
      let quantile = (Double(middle - 1) + 0.5) / Double(aggregate.count - 1)
      if sketch.value(at: quantile) == smallest { low = middle } else { high = middle }
    }
    return low
  }

  fileprivate static func derived(_ aggregate: Aggregate, low: UInt64?) -> QuantileSketch {
    var sketch = QuantileSketch()
    guard aggregate.count > 0 else { return sketch }
    let low = low ?? usualLow(aggregate.count)
    sketch.add(aggregate.min, times: min(low, aggregate.count))
    sketch.add(aggregate.max, times: aggregate.count - min(low, aggregate.count))
    return sketch
  }

  /// How many readings lie where the smallest does, where nothing else is said.
  fileprivate static func usualLow(_ count: UInt64) -> UInt64 { count == 2 ? 1 : count }
}

/// A sketch as its column holds it. Made whole only where it is to be merged; a chart's percentiles are
/// mostly told by the window's extremes and one number.
enum StoredSketch {
  /// So many readings lie where the smallest does, all others where the largest does.
  case extremes(low: UInt64)
  case own(QuantileSketch)

  /// Reads the sketch of the next window, which has `count` readings.
  init(from reader: inout ByteReader, count: UInt64) throws {
    switch try reader.byte() {
    case 0: self = .extremes(low: SketchColumn.usualLow(count))
    case 1: self = .extremes(low: try reader.varint())
    default:
      let own = try reader.part(try reader.count(limit: 1 << 20))
      guard let sketch = QuantileSketch(decoding: Array(own).span) else {
        throw DamagedBlob(what: "a sketch")
      }
      self = .own(sketch)
    }
  }

  /// The sketch itself.
  func whole(_ aggregate: Aggregate) -> QuantileSketch {
    switch self {
    case .extremes(let low): SketchColumn.derived(aggregate, low: low)
    case .own(let sketch): sketch
    }
  }

  /// What ``WindowSummary`` says of a quantile (0…1), without the sketch where it is not needed.
  func value(at quantile: Double, count: UInt64, min: Double, max: Double) -> Double? {
    let value: Double?
    switch self {
    case .extremes(let low):
      guard count > 0 else { return nil }
      let rank = (quantile * Double(count - 1)).rounded(.down)
      value = QuantileSketch.value(for: rank < Double(low) ? min : max)
    case .own(let sketch): value = sketch.value(at: quantile)
    }
    // The true quantile lies between the extremes, which are known exactly.
    return value.map { Swift.min(Swift.max($0, min), max) }
  }
}
