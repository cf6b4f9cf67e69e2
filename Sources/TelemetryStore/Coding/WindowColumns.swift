import TelemetryModel

/// A row's windows as their blob holds them, column by column. A chart's values are read from here; a
/// window is put together only where it is merged with others.
struct WindowColumns {
  private let starts: [Int64]
  private let counts: [UInt64]
  private let values: [WindowValues]
  private let times: (first: [Int64], last: [Int64])

  /// Reads what is wanted; the rest is left at some value.
  init(_ blob: UnsafeRawBufferPointer, _ wanted: WindowBlob.Columns) throws {
    var reader = try ByteReader(sealed: blob, WindowBlob.what)
    guard try reader.byte() == WindowBlob.version else { throw reader.damage }
    let count = try reader.count(limit: WindowBlob.maxCount)
    let length = Int64(truncatingIfNeeded: try reader.varint())
    guard let kind = WindowBlob.Kind(rawValue: try reader.byte()), length > 0 else {
      throw reader.damage
    }
    let first = ZigZag.decode(try reader.varint())
    guard count > 0 else {
      (starts, counts, values, times) = ([], [], [], ([], []))
      return
    }
    let steps = try WindowBlob.Column(&reader).numbers(count - 1)
    starts = WindowColumns.starts(first, steps, length)
    counts = WindowColumns.counts(try WindowBlob.Column(&reader).numbers(count))
    times = try TimeOffsets.Columns(&reader).read(count, wanted: wanted.contains(.times))
    values =
      switch kind {
      case .wholeNumbers: try WholeNumberColumns.read(&reader, counts: counts, wanted)
      case .patterns: try PatternColumns.read(&reader, counts: counts)
      }
  }

  private static func starts(_ first: Int64, _ steps: [UInt64], _ length: Int64) -> [Int64] {
    var starts: [Int64] = []
    starts.reserveCapacity(steps.count + 1)
    var start = first
    starts.append(start)
    for step in steps {
      start = start &+ (Int64(bitPattern: step) &+ 1) &* length
      starts.append(start)
    }
    return starts
  }

  private static func counts(_ differences: [UInt64]) -> [UInt64] {
    var number: Int64 = 0
    return differences.map { difference in
      number = number &+ ZigZag.decode(difference)
      return UInt64(max(0, number))
    }
  }

  var count: Int { counts.count }

  func start(at index: Int) -> Timestamp { Timestamp(microseconds: starts[index]) }

  func aggregate(at index: Int) -> Aggregate {
    let values = values[index]
    return Aggregate(
      count: counts[index], sum: values.sum, min: values.min, max: values.max, mean: values.mean,
      m2: values.m2, first: values.first,
      firstTime: Timestamp(microseconds: starts[index] &+ times.first[index]), last: values.last,
      lastTime: Timestamp(microseconds: starts[index] &+ times.last[index]))
  }

  /// Hands out what functions say of each window, in order, until told to stop; false where it was.
  /// `sketches` is their blob, for percentiles.
  func forEach(
    _ functions: [AggregateFunction], sketches: UnsafeRawBufferPointer?,
    _ body: (Timestamp, [Double?]) throws -> Bool
  ) throws -> Bool {
    var reader = try sketches.map { try ByteReader(sealed: $0, WindowBlob.what) }
    let columns = functions.map { (function: $0, quantile: $0.quantile) }
    for index in 0..<count {
      var sketch: StoredSketch?
      if var next = reader {
        sketch = try StoredSketch(from: &next, count: counts[index])
        reader = next
      }
      let said = columns.map { function, quantile in
        guard let quantile else { return value(of: function, at: index) }
        return sketch?.value(
          at: quantile, count: counts[index], min: values[index].min, max: values[index].max)
      }
      guard try body(start(at: index), said) else { return false }
    }
    return true
  }

  /// What a function says of a window, as ``WindowSummary`` does; nil for percentiles.
  private func value(of function: AggregateFunction, at index: Int) -> Double? {
    guard counts[index] > 0 else { return nil }
    return switch function {
    case .first: values[index].first
    case .last: values[index].last
    case .count: Double(counts[index])
    case .sum: values[index].sum
    case .min: values[index].min
    case .max: values[index].max
    case .mean: values[index].mean
    case .stddev: (max(0, values[index].m2) / Double(counts[index])).squareRoot()
    case .p50, .p90, .p95, .p99: nil
    }
  }
}
