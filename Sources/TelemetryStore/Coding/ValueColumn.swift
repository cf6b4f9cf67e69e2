/// Values of readings as whole numbers of their last decimal place, differences taken once or twice;
/// or as XORed bit patterns where they are no decimals, or that is smaller.
struct ValueColumn {
  private(set) var asPatterns = false
  private(set) var bySecondDifference = false
  /// For the second reading on.
  private(set) var residuals: [UInt64] = []
  private var places = 0
  private var divisor: UInt64 = 1
  private var first: Int64 = 0
  private var firstPattern: UInt64 = 0

  init(_ readings: ArraySlice<Reading>) {
    guard let firstValue = readings.first?.value else { return }
    firstPattern = firstValue.bitPattern
    let wholes = ValueColumn.wholes(readings)
    guard let wholes else {
      usePatterns(readings)
      return
    }
    (places, first) = (wholes.places, wholes.numbers[0])
    let cost = useDifferences(wholes.numbers)
    // Above this, patterns may be smaller: large numbers with few bits set.
    if cost > 24 * residuals.count {
      let differences = self
      usePatterns(readings)
      if ValueColumn.patternCost(residuals) >= cost { self = differences }
    }
  }

  private static func wholes(
    _ readings: ArraySlice<Reading>
  ) -> (places: Int, numbers: [Int64])? {
    guard let places = DecimalScale.places(of: readings.lazy.map(\.value)) else { return nil }
    let factor = DecimalScale.factor(places)
    var numbers: [Int64] = []
    numbers.reserveCapacity(readings.count)
    for reading in readings {
      // What fits fewer places fits more, unless it is too large for them.
      guard let whole = DecimalScale.whole(reading.value, factor: factor) else { return nil }
      numbers.append(whole)
    }
    return (places, numbers)
  }

  /// Returns about how many bits the residuals take.
  private mutating func useDifferences(_ numbers: [Int64]) -> Int {
    var common: UInt64 = 0
    var differences: [Int64] = []
    differences.reserveCapacity(numbers.count)
    for (number, previous) in zip(numbers.dropFirst(), numbers) {
      let difference = number - previous
      differences.append(difference)
      if common != 1, difference != 0 { common = greatestDivisor(common, difference.magnitude) }
    }
    divisor = max(common, 1)
    if divisor > 1 { differences = differences.map { $0 / Int64(divisor) } }
    let once = differences.map(ZigZag.encode)
    var twice: [UInt64] = []
    twice.reserveCapacity(once.count)
    var previous: Int64 = 0
    for difference in differences {
      twice.append(ZigZag.encode(difference - previous))
      previous = difference
    }
    let (costOnce, costTwice) = (ValueColumn.cost(once), ValueColumn.cost(twice))
    bySecondDifference = costTwice < costOnce
    residuals = bySecondDifference ? twice : once
    return min(costOnce, costTwice)
  }

  private mutating func usePatterns(_ readings: ArraySlice<Reading>) {
    asPatterns = true
    bySecondDifference = false
    residuals = zip(readings.dropFirst(), readings).map {
      $0.value.bitPattern ^ $1.value.bitPattern
    }
  }

  private static func cost(_ residuals: [UInt64]) -> Int {
    residuals.reduce(0) { $0 + 65 - $1.leadingZeroBitCount }
  }

  private static func patternCost(_ patterns: [UInt64]) -> Int {
    var bits = BitWriter()
    NumberColumn.writePatterns(patterns, to: &bits)
    return bits.byteCount * 8
  }

  func writeHead(to bytes: inout [UInt8]) {
    guard !asPatterns else {
      bytes.appendWord(firstPattern)
      return
    }
    bytes.append(UInt8(places))
    bytes.appendVarint(divisor)
    bytes.appendVarint(ZigZag.encode(first))
  }

  /// What stands in front of the bits.
  struct Head {
    private var factor = 1.0
    private var divisor: Int64 = 1
    private var first: Int64 = 0
    private var firstPattern: UInt64 = 0

    init(_ reader: inout ByteReader, asPatterns: Bool) throws {
      guard !asPatterns else {
        firstPattern = try reader.word()
        return
      }
      let places = Int(try reader.byte())
      guard places <= DecimalScale.maxPlaces else { throw reader.damage }
      factor = DecimalScale.factor(places)
      divisor = Int64(truncatingIfNeeded: try reader.varint())
      first = ZigZag.decode(try reader.varint())
    }

    func fillFromPatterns(_ readings: inout [Reading], _ bits: inout BitReader) -> Bool {
      guard let patterns = NumberColumn.readPatterns(readings.count - 1, from: &bits) else {
        return false
      }
      var pattern = firstPattern
      readings[0].value = Double(bitPattern: pattern)
      for index in 1..<max(1, readings.count) {
        pattern ^= patterns[index - 1]
        readings[index].value = Double(bitPattern: pattern)
      }
      return true
    }

    func fillFromDifferences(
      _ readings: inout [Reading], bySecondDifference: Bool, _ bits: inout BitReader
    ) -> Bool {
      let residuals = NumberColumn.read(readings.count - 1, from: &bits)
      var number = first
      var step: Int64 = 0
      readings[0].value = Double(number) / factor
      for index in 1..<max(1, readings.count) {
        let residual = ZigZag.decode(residuals[index - 1])
        step = bySecondDifference ? step &+ residual : residual
        number = number &+ step &* divisor
        readings[index].value = Double(number) / factor
      }
      return true
    }
  }
}

/// Euclid's algorithm; 0 divides into anything.
private func greatestDivisor(_ left: UInt64, _ right: UInt64) -> UInt64 {
  var (left, right) = (left, right)
  while right != 0 { (left, right) = (right, left % right) }
  return left
}
