import TelemetryModel

/// A window as it is stored.
struct StoredWindow: Hashable {
  var start: Timestamp
  var summary: WindowSummary
}

/// Windows of one series and one resolution, ordered by start, as two blobs: one for all but the
/// percentiles, a column for each thing known, and one for the sketches.
///
/// ```
/// version (1 byte) · count · length of a window (µs) · kind
/// then columns, each with its length in bytes in front:
/// start, count, first and last time, and of the values either whole numbers in units of the last
/// decimal place, each as its distance from the smallest: min, max, first, last, sum, sum of squares
/// (exact: what they say of readings that are decimals needs no rounding), or bit patterns
/// ```
enum WindowBlob {
  static let version: UInt8 = 1
  static let what = "a row of windows"
  /// More than the windows of any span.
  static let maxCount = 1 << 20

  enum Kind: UInt8 {
    case wholeNumbers = 0
    case patterns = 1
  }

  /// What of a window is wanted; what is not is left at some value.
  struct Columns: OptionSet {
    var rawValue: UInt8
    static let extremes = Columns(rawValue: 1)
    static let ends = Columns(rawValue: 2)
    static let sum = Columns(rawValue: 4)
    static let spread = Columns(rawValue: 8)
    static let times = Columns(rawValue: 16)
    static let all: Columns = [.extremes, .ends, .sum, .spread, .times]

    init(rawValue: UInt8) {
      self.rawValue = rawValue
    }

    /// What functions are read from; percentiles from the sketches besides.
    init(for functions: [AggregateFunction]) {
      self = []
      for function in functions {
        switch function {
        case .count: break
        case .first, .last: insert(.ends)
        case .sum, .mean: insert(.sum)
        case .min, .max: insert(.extremes)
        case .stddev: formUnion([.sum, .spread])
        case .p50, .p90, .p95, .p99: insert(.extremes)
        }
      }
    }
  }

  // MARK: - Writing

  static func encode(_ windows: [StoredWindow], _ level: WindowLevel) -> [UInt8] {
    let length = level.lengthMicroseconds
    let aggregates = windows.map(\.summary.aggregate)
    let whole = WholeNumberColumns(aggregates)
    var bytes: [UInt8] = [version]
    bytes.reserveCapacity(64 + windows.count * 12)
    bytes.appendVarint(UInt64(windows.count))
    bytes.appendVarint(UInt64(length))
    bytes.append((whole == nil ? Kind.patterns : .wholeNumbers).rawValue)
    let starts = windows.map(\.start.microseconds)
    bytes.appendVarint(ZigZag.encode(starts.first ?? 0))
    append(
      zip(starts.dropFirst(), starts).map { UInt64(bitPattern: ($0 &- $1) / length &- 1) }, &bytes)
    append(differences(aggregates.map { Int64(clamping: $0.count) }), &bytes)
    TimeOffsets(windows).append(to: &bytes)
    if let whole {
      whole.append(to: &bytes)
    } else {
      PatternColumns.append(aggregates, to: &bytes)
    }
    bytes.seal()
    return bytes
  }

  fileprivate static func append(_ numbers: [UInt64], _ bytes: inout [UInt8]) {
    var bits = BitWriter()
    NumberColumn.write(numbers, to: &bits)
    appendColumn(bits.finish(), &bytes)
  }

  static func appendColumn(_ column: [UInt8], _ bytes: inout [UInt8]) {
    bytes.appendVarint(UInt64(column.count))
    bytes.append(contentsOf: column)
  }

  fileprivate static func differences(_ numbers: [Int64]) -> [UInt64] {
    var previous: Int64 = 0
    return numbers.map { number in
      defer { previous = number }
      return ZigZag.encode(number &- previous)
    }
  }

  // MARK: - Reading

  /// Hands out windows in order; sketches only where their blob is given.
  static func decode(
    _ blob: UnsafeRawBufferPointer, sketches: UnsafeRawBufferPointer? = nil,
    columns: Columns = .all
  ) throws -> [StoredWindow] {
    let columns = try WindowColumns(blob, columns)
    var sketchReader = try sketches.map { try ByteReader(sealed: $0, what) }
    var windows: [StoredWindow] = []
    windows.reserveCapacity(columns.count)
    for index in 0..<columns.count {
      let aggregate = columns.aggregate(at: index)
      var sketch: QuantileSketch?
      if var reader = sketchReader {
        sketch = try StoredSketch(from: &reader, count: aggregate.count).whole(aggregate)
        sketchReader = reader
      }
      windows.append(
        StoredWindow(
          start: columns.start(at: index),
          summary: WindowSummary(aggregate: aggregate, sketch: sketch)))
    }
    return windows
  }

  /// One column's bytes.
  struct Column {
    private let bytes: UnsafeRawBufferPointer
    private let damage: DamagedBlob

    init(_ reader: inout ByteReader) throws {
      damage = reader.damage
      bytes = try reader.part(try reader.count(limit: .max))
    }

    func numbers(_ count: Int) throws -> [UInt64] {
      var bits = BitReader(bytes)
      let numbers = NumberColumn.read(count, from: &bits)
      guard !bits.isOverrun else { throw damage }
      return numbers
    }

    func patterns(_ count: Int) throws -> [UInt64] {
      var bits = BitReader(bytes)
      guard let patterns = NumberColumn.readPatterns(count, from: &bits), !bits.isOverrun else {
        throw damage
      }
      return patterns
    }
  }
}

/// When the first and the last reading of each window was taken, after the window's start.
struct TimeOffsets {
  private static let units: [Int64] = [1, 1_000, 1_000_000]

  private var unit = 2
  private var first: [Int64]
  private var last: [Int64]

  init(_ windows: [StoredWindow]) {
    first = windows.map {
      $0.summary.aggregate.firstTime.microseconds &- $0.start.microseconds
    }
    last = windows.map { $0.summary.aggregate.lastTime.microseconds &- $0.start.microseconds }
    for offset in first + last {
      while unit > 0, offset % TimeOffsets.units[unit] != 0 { unit -= 1 }
    }
  }

  func append(to bytes: inout [UInt8]) {
    let length = TimeOffsets.units[unit]
    bytes.append(UInt8(unit))
    WindowBlob.append(WindowBlob.differences(first.map { $0 / length }), &bytes)
    WindowBlob.append(WindowBlob.differences(last.map { $0 / length }), &bytes)
  }

  struct Columns {
    private let length: Int64
    private let first: WindowBlob.Column
    private let last: WindowBlob.Column

    init(_ reader: inout ByteReader) throws {
      let unit = Int(try reader.byte())
      guard unit < units.count else { throw reader.damage }
      length = units[unit]
      first = try WindowBlob.Column(&reader)
      last = try WindowBlob.Column(&reader)
    }

    func read(_ count: Int, wanted: Bool) throws -> (first: [Int64], last: [Int64]) {
      guard wanted else {
        let none = [Int64](repeating: 0, count: count)
        return (none, none)
      }
      return (offsets(try first.numbers(count)), offsets(try last.numbers(count)))
    }

    private func offsets(_ differences: [UInt64]) -> [Int64] {
      var offset: Int64 = 0
      return differences.map { difference in
        offset = offset &+ ZigZag.decode(difference)
        return offset &* length
      }
    }
  }
}
