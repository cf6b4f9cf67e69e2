import TelemetryModel

/// The values of a window, as far as they were wanted.
struct WindowValues {
  var min = 0.0
  var max = 0.0
  var first = 0.0
  var last = 0.0
  var sum = 0.0
  var mean = 0.0
  var m2 = 0.0
}

/// Windows of readings that are decimals: every value in units of the last decimal place, each as its
/// distance from the window's smallest, the sum and the sum of squares of those distances as well.
struct WholeNumberColumns {
  private static let maxPlaces = 6
  private static let maxValue: Int64 = 1 << 44

  private var places: Int
  private var smallest: [UInt64] = []
  private var spans: [UInt64] = []
  private var firsts: [UInt64] = []
  private var lasts: [UInt64] = []
  private var sums: [UInt64] = []
  private var squares: [UInt64] = []

  /// Nil where the windows cannot be written this way.
  init?(_ windows: [Aggregate]) {
    let edges = windows.lazy.flatMap { [$0.min, $0.max, $0.first, $0.last] }
    guard var places = DecimalScale.places(of: edges) else { return nil }
    // The readings between may have more places; their sum tells.
    while places <= WholeNumberColumns.maxPlaces {
      self.init(places: places)
      if take(windows) { return }
      places += 1
    }
    return nil
  }

  private init(places: Int) {
    self.places = places
  }

  private mutating func take(_ windows: [Aggregate]) -> Bool {
    let factor = DecimalScale.factor(places)
    var previous: Int64 = 0
    for window in windows {
      guard let min = DecimalScale.whole(window.min, factor: factor),
        let max = DecimalScale.whole(window.max, factor: factor),
        let first = DecimalScale.whole(window.first, factor: factor),
        let last = DecimalScale.whole(window.last, factor: factor),
        min.magnitude < WholeNumberColumns.maxValue.magnitude,
        max.magnitude < WholeNumberColumns.maxValue.magnitude
      else { return false }
      let count = Double(window.count)
      let sum = window.sum * factor - count * Double(min)
      let distance = window.mean * factor - Double(min)
      let square = window.m2 * factor * factor + count * distance * distance
      guard let sum = WholeNumberColumns.exact(sum, within: window.sum * factor),
        let square = WholeNumberColumns.exact(square, within: square)
      else { return false }
      smallest.append(ZigZag.encode(min - previous))
      spans.append(UInt64(max - min))
      firsts.append(UInt64(first - min))
      lasts.append(UInt64(last - min))
      sums.append(sum)
      squares.append(square)
      previous = min
    }
    return true
  }

  /// The whole number that a sum must be, if it is near enough to one for its size.
  private static func exact(_ number: Double, within magnitude: Double) -> UInt64? {
    guard number > -0.5, number < 0x1p51, magnitude.magnitude < 0x1p51 else { return nil }
    let whole = number + 0x1.8p52 - 0x1.8p52
    let tolerance = Swift.max(1e-6, magnitude.magnitude * 1e-12)
    guard tolerance < 0.1, (number - whole).magnitude <= tolerance else { return nil }
    return UInt64(whole)
  }

  func append(to bytes: inout [UInt8]) {
    bytes.append(UInt8(places))
    for column in [smallest, spans, firsts, lasts, sums, squares] {
      var bits = BitWriter()
      NumberColumn.write(column, to: &bits)
      WindowBlob.appendColumn(bits.finish(), &bytes)
    }
  }

  static func read(
    _ reader: inout ByteReader, counts: [UInt64], _ wanted: WindowBlob.Columns
  ) throws -> [WindowValues] {
    let count = counts.count
    let places = Int(try reader.byte())
    guard places <= maxPlaces else { throw reader.damage }
    let factor = DecimalScale.factor(places)
    let smallest = absolute(try WindowBlob.Column(&reader).numbers(count))
    let spans = try WindowBlob.Column(&reader)
    let firsts = try WindowBlob.Column(&reader)
    let lasts = try WindowBlob.Column(&reader)
    let sums = try WindowBlob.Column(&reader)
    let squares = try WindowBlob.Column(&reader)
    var values = [WindowValues](repeating: WindowValues(), count: count)
    if wanted.contains(.extremes) {
      let spans = try spans.numbers(count)
      for index in 0..<count {
        values[index].min = Double(smallest[index]) / factor
        values[index].max =
          Double(smallest[index] &+ Int64(truncatingIfNeeded: spans[index])) / factor
      }
    }
    if wanted.contains(.ends) {
      let (firsts, lasts) = (try firsts.numbers(count), try lasts.numbers(count))
      for index in 0..<count {
        values[index].first =
          Double(smallest[index] &+ Int64(truncatingIfNeeded: firsts[index])) / factor
        values[index].last =
          Double(smallest[index] &+ Int64(truncatingIfNeeded: lasts[index])) / factor
      }
    }
    guard wanted.contains(.sum) || wanted.contains(.spread) else { return values }
    let distances = try sums.numbers(count)
    for index in 0..<count {
      let (number, distance) = (Double(counts[index]), Double(distances[index]))
      values[index].sum = (Double(smallest[index]) * number + distance) / factor
      values[index].mean = (Double(smallest[index]) + distance / number) / factor
    }
    guard wanted.contains(.spread) else { return values }
    for (index, square) in try squares.numbers(count).enumerated() {
      values[index].m2 = m2(counts[index], distances[index], square) / (factor * factor)
    }
    return values
  }

  /// Σx² - (Σx)² ÷ n in whole numbers: no difference of large, rounded squares.
  private static func m2(_ count: UInt64, _ sum: UInt64, _ squares: UInt64) -> Double {
    guard count > 1 else { return 0 }
    let product = count.multipliedFullWidth(by: squares)
    let square = sum.multipliedFullWidth(by: sum)
    let (low, borrow) = product.low.subtractingReportingOverflow(square.low)
    let high = Int64(bitPattern: product.high &- square.high &- (borrow ? 1 : 0))
    guard high >= 0 else { return 0 }
    return (Double(high) * 0x1p64 + Double(low)) / Double(count)
  }

  private static func absolute(_ differences: [UInt64]) -> [Int64] {
    var number: Int64 = 0
    return differences.map { difference in
      number = number &+ ZigZag.decode(difference)
      return number
    }
  }
}

/// Windows of readings that are no decimals: bit patterns XORed with those they are near to.
enum PatternColumns {
  static func append(_ windows: [Aggregate], to bytes: inout [UInt8]) {
    var before = Aggregate()
    var columns: [[UInt64]] = Array(repeating: [], count: 6)
    for window in windows {
      let isSingle = window.count == 1
      columns[0].append(window.min.bitPattern ^ before.min.bitPattern)
      columns[1].append(window.max.bitPattern ^ window.min.bitPattern)
      columns[2].append(window.first.bitPattern ^ window.min.bitPattern)
      columns[3].append(window.last.bitPattern ^ window.max.bitPattern)
      columns[4].append(
        window.sum.bitPattern ^ (isSingle ? window.min : before.sum).bitPattern)
      columns[5].append(shortened(window.m2) ^ (isSingle ? 0 : shortened(before.m2)))
      before = window
    }
    for column in columns {
      var bits = BitWriter()
      NumberColumn.writePatterns(column, to: &bits)
      WindowBlob.appendColumn(bits.finish(), &bytes)
    }
  }

  /// The spread's last bits are noise: without them it is right to 10^-9.
  private static func shortened(_ value: Double) -> UInt64 {
    value.bitPattern & ~((1 << 22) - 1)
  }

  static func read(
    _ reader: inout ByteReader, counts: [UInt64]
  ) throws -> [WindowValues] {
    var columns: [[UInt64]] = []
    for _ in 0..<6 { columns.append(try WindowBlob.Column(&reader).patterns(counts.count)) }
    var values: [WindowValues] = []
    values.reserveCapacity(counts.count)
    var before = WindowValues(min: .infinity)
    for (index, count) in counts.enumerated() {
      var window = WindowValues()
      let isSingle = count == 1
      window.min = Double(bitPattern: columns[0][index] ^ before.min.bitPattern)
      window.max = Double(bitPattern: columns[1][index] ^ window.min.bitPattern)
      window.first = Double(bitPattern: columns[2][index] ^ window.min.bitPattern)
      window.last = Double(bitPattern: columns[3][index] ^ window.max.bitPattern)
      window.sum = Double(
        bitPattern: columns[4][index] ^ (isSingle ? window.min : before.sum).bitPattern)
      window.m2 = Double(bitPattern: columns[5][index] ^ (isSingle ? 0 : before.m2.bitPattern))
      window.mean = count > 0 ? window.sum / Double(count) : 0
      values.append(window)
      before = window
    }
    return values
  }
}
