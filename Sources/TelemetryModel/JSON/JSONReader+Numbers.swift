extension JSONReader {
  /// Reads a number as the nearest `Double`.
  ///
  /// - Throws: `numberOutOfRange` where it would become infinite; SenML and JSON know no infinity.
  @inline(__always)
  package mutating func number(_ bytes: Span<UInt8>) throws(JSONError) -> Double {
    let first = try peek(bytes)
    let start = position
    let count = bytes.count
    var index = start
    let negative = first == UInt8(ascii: "-")
    if negative { index &+= 1 }
    if let short = ShortNumber(paddedWord(bytes, at: index)) {
      position = index &+ short.count
      return negative ? -short.magnitude : short.magnitude
    }
    var mantissa: UInt64 = 0
    let integerStart = index
    JSONReader.takeDigits(bytes, &index, into: &mantissa)
    var digits = index - integerStart
    guard digits > 0 else { throw failure(negative ? .badNumber : .notANumber) }
    if digits > 1, bytes[integerStart] == UInt8(ascii: "0") { throw failure(.badNumber) }
    var exponent = 0
    if index < count, bytes[index] == UInt8(ascii: ".") {
      index &+= 1
      let fractionStart = index
      JSONReader.takeDigits(bytes, &index, into: &mantissa)
      let fraction = index - fractionStart
      guard fraction > 0 else { throw failure(.badNumber) }
      digits += fraction
      exponent = -fraction
    }
    if index < count, bytes[index] | 0x20 == UInt8(ascii: "e") {
      exponent += try exponentPart(bytes, from: &index)
    }
    position = index
    // Exact: both the mantissa and the power of ten are whole `Double`s, so that one division or
    // multiplication rounds once (Clinger, "How to read floating point numbers accurately", 1990).
    if digits <= 19, mantissa <= 1 << 53, exponent >= -22, exponent <= 22 {
      let whole = Double(mantissa)
      let magnitude = exponent < 0 ? whole / powerOfTen(-exponent) : whole * powerOfTen(exponent)
      return negative ? -magnitude : magnitude
    }
    return try unusualNumber(bytes, in: start..<index)
  }

  /// Takes the digits that stand at `index` and puts them behind those of `mantissa`, which wraps
  /// around beyond 2^64.
  ///
  /// Eight at a time: how many digits there are is computed, not found out in a loop, since no branch
  /// predictor can know it.
  @inline(__always)
  private static func takeDigits(
    _ bytes: Span<UInt8>, _ index: inout Int, into mantissa: inout UInt64
  ) {
    while true {
      let word = paddedWord(bytes, at: index)
      let values = word &- eachByte &* 0x30
      let count = notDigits(word).trailingZeroBitCount &>> 3
      index &+= count
      guard count < 8 else {
        mantissa = mantissa &* 100_000_000 &+ numberOfDigits(values)
        continue
      }
      let shift = UInt64(truncatingIfNeeded: 56 &- 8 &* count)
      mantissa = mantissa &* scales[count] &+ numberOfDigits((values &<< shift) &<< 8)
      return
    }
  }

  /// Reads a whole number that is not negative, exactly; `1e3` and `1.0` are no whole numbers here.
  package mutating func wholeNumber(_ bytes: Span<UInt8>) throws(JSONError) -> UInt64 {
    _ = try peek(bytes)
    let start = position
    var value: UInt64 = 0
    var index = start
    while index < bytes.count, bytes[index] &- 0x30 < 10 {
      let (scaled, tooLarge) = value.multipliedReportingOverflow(by: 10)
      let (sum, carried) = scaled.addingReportingOverflow(UInt64(bytes[index] &- 0x30))
      if tooLarge || carried { throw failure(.numberOutOfRange) }
      value = sum
      index &+= 1
    }
    guard index > start else { throw failure(.notANumber) }
    if index - start > 1, bytes[start] == UInt8(ascii: "0") { throw failure(.badNumber) }
    if index < bytes.count {
      let next = bytes[index]
      guard next != UInt8(ascii: "."), next | 0x20 != UInt8(ascii: "e") else {
        throw failure(.badNumber)
      }
    }
    position = index
    return value
  }

  mutating func skipNumber(_ bytes: Span<UInt8>) throws(JSONError) {
    _ = try number(bytes)
  }

  @inline(never)
  private func exponentPart(
    _ bytes: Span<UInt8>, from index: inout Int
  ) throws(JSONError) -> Int {
    index &+= 1
    var negative = false
    if index < bytes.count,
      bytes[index] == UInt8(ascii: "-") || bytes[index] == UInt8(ascii: "+")
    {
      negative = bytes[index] == UInt8(ascii: "-")
      index &+= 1
    }
    let start = index
    var value = 0
    while index < bytes.count, bytes[index] &- 0x30 < 10 {
      // Beyond any exponent of a `Double`, more digits change nothing.
      if value < 100_000 { value = value * 10 + Int(bytes[index] &- 0x30) }
      index &+= 1
    }
    guard index > start else { throw failure(.badNumber) }
    return negative ? -value : value
  }

  /// Many digits or a large exponent: the standard library rounds correctly. Below the smallest
  /// `Double` a number becomes 0, as everywhere.
  @inline(never)
  private func unusualNumber(
    _ bytes: Span<UInt8>, in range: Range<Int>
  ) throws(JSONError) -> Double {
    let text = JSONStringSpan(range: range, isEscaped: false, isASCII: true)
    guard let value = Double(try text.string(bytes)) else { throw failure(.badNumber) }
    guard value.isFinite else { throw JSONError(.numberOutOfRange, at: range.lowerBound) }
    return value
  }
}

/// 10 to the power `exponent`, which must be 0…22: exactly those are whole `Double`s.
@inline(__always)
func powerOfTen(_ exponent: Int) -> Double { powersOfTen[exponent] }

private let powersOfTen: InlineArray<23, Double> = [
  1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
  1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
]

/// What so many more digits, fewer than eight, multiply a number by.
private let scales: InlineArray<8, UInt64> = [
  1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000,
]

/// A number of at most seven digits, with a point or without, as nearly all of telemetry's are: it fits
/// in a word with what ends it, and is read without a loop, since no branch predictor knows how many
/// digits come next.
private struct ShortNumber {
  let magnitude: Double
  /// How many bytes it takes.
  let count: Int

  /// What stands at a word's beginning; nil where that is anything else, or not well-formed.
  @inline(__always)
  init?(_ word: UInt64) {
    let whole = UInt64(truncatingIfNeeded: notDigits(word).trailingZeroBitCount &>> 3)
    guard whole &- 1 < 7 else { return nil }
    var end = whole
    var decimals = 0
    var digits = word &- eachByte &* 0x30
    if UInt8(truncatingIfNeeded: word &>> (8 &* whole)) == UInt8(ascii: ".") {
      // A zero in the point's place, or it would borrow from the digit behind it.
      let pointless = word ^ (0x2E ^ 0x30) &<< (8 &* whole)
      end = UInt64(truncatingIfNeeded: notDigits(pointless).trailingZeroBitCount &>> 3)
      decimals = Int(truncatingIfNeeded: end &- whole &- 1)
      guard end < 8, decimals > 0 else { return nil }
      // The digits before it move up to those behind it.
      digits = pointless &- eachByte &* 0x30
      let before: UInt64 = (1 &<< (8 &* whole)) &- 1
      digits = (digits & before) &<< 8 | digits & ~(before &<< 8 | 0xFF)
    }
    let isPadded = whole > 1 && word & 0xFF == 0x30
    guard !isPadded, UInt8(truncatingIfNeeded: word &>> (8 &* end)) | 0x20 != UInt8(ascii: "e")
    else { return nil }
    let number = Double(numberOfDigits(digits &<< (64 &- 8 &* end)))
    magnitude = decimals > 0 ? number / powerOfTen(decimals) : number
    count = Int(truncatingIfNeeded: end)
  }
}

private let eachByte: UInt64 = 0x0101_0101_0101_0101

/// The high bits of a word's bytes that are no digits. Only the lowest one is sure: carries and borrows
/// run upwards from there.
@inline(__always)
private func notDigits(_ word: UInt64) -> UInt64 {
  ((word &+ eachByte &* 0x46) | (word &- eachByte &* 0x30)) & (eachByte &* 0x80)
}

/// The number of which a word has the eight digits' values, the first in the lowest byte: pairs, then
/// fours, then all are added up side by side in one word.
@inline(__always)
private func numberOfDigits(_ values: UInt64) -> UInt64 {
  let pairs = values &* 10 &+ values >> 8
  let fours =
    (pairs & 0x0000_00FF_0000_00FF) &* (100 &+ 1_000_000 << 32)
    &+ (pairs >> 16 & 0x0000_00FF_0000_00FF) &* (1 &+ 10_000 << 32)
  return fours >> 32
}
