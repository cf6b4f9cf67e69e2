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

  private static func derived(_ aggregate: Aggregate, low: UInt64?) -> QuantileSketch {
    var sketch = QuantileSketch()
    guard aggregate.count > 0 else { return sketch }
    let low = low ?? (aggregate.count == 2 ? 1 : aggregate.count)
    sketch.add(aggregate.min, times: min(low, aggregate.count))
    sketch.add(aggregate.max, times: aggregate.count - min(low, aggregate.count))
    return sketch
  }

  static func read(
    _ aggregate: Aggregate, from reader: inout ByteReader?
  ) throws -> QuantileSketch {
    guard let tag = try reader?.byte() else { return QuantileSketch() }
    switch tag {
    case 0: return derived(aggregate, low: nil)
    case 1: return derived(aggregate, low: try reader?.varint())
    default:
      let length = try reader?.count(limit: 1 << 20) ?? 0
      let own = try reader?.part(length)
      guard let own, let sketch = QuantileSketch(decoding: Array(own).span) else {
        throw DamagedBlob(what: "a sketch")
      }
      return sketch
    }
  }
}
