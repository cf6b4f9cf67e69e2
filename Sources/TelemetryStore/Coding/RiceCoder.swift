/// Golomb-Rice codes whose parameter follows the numbers that were coded before, as in JPEG-LS
/// (ITU-T T.87, A.5.1): small numbers cost few bits, a burst of large ones is followed within a few
/// numbers, and nothing has to be chosen or stored in advance.
struct RiceModel {
  private static let window: UInt64 = 32
  /// A quotient this large is followed by the number itself.
  static let escape = 20

  private var sum: UInt64 = 2
  private var count: UInt64 = 1

  init() {}

  /// How many of the lowest bits are written as they are: near log2 of the recent mean.
  @inline(__always)
  var parameter: Int {
    var bits = max(0, count.leadingZeroBitCount - sum.leadingZeroBitCount)
    if count << UInt64(bits) < sum { bits += 1 }
    return bits
  }

  @inline(__always)
  mutating func update(_ value: UInt64) {
    sum += min(value, 1 << 50)
    count += 1
    if count == RiceModel.window {
      sum >>= 1
      count >>= 1
    }
  }
}

extension BitWriter {
  /// Appends a number with a model's parameter.
  mutating func write(_ value: UInt64, _ model: inout RiceModel) {
    let parameter = model.parameter
    let quotient = value >> UInt64(parameter)
    if quotient < UInt64(RiceModel.escape) {
      let ones = Int(quotient)
      write((1 << UInt64(ones + 1)) - 2, bits: ones + 1)
      write(value & ((1 << UInt64(parameter)) - 1), bits: parameter)
    } else {
      write((1 << UInt64(RiceModel.escape)) - 1, bits: RiceModel.escape)
      let bits = 64 - value.leadingZeroBitCount
      write(UInt64(bits - 1), bits: 6)
      write(value, bits: bits)
    }
    model.update(value)
  }
}

extension BitReader {
  /// Reads a number with a model's parameter.
  @inline(__always)
  mutating func read(_ model: inout RiceModel) -> UInt64 {
    let parameter = model.parameter
    let ones = readOnes(limit: RiceModel.escape)
    let value: UInt64
    if ones < RiceModel.escape {
      value = UInt64(ones) << UInt64(parameter) | read(bits: parameter)
    } else {
      value = read(bits: Int(read(bits: 6)) + 1)
    }
    model.update(value)
    return value
  }
}

/// Signed numbers as unsigned ones, those near zero first: 0, -1, 1, -2, 2…
enum ZigZag {
  @inline(__always)
  static func encode(_ value: Int64) -> UInt64 {
    UInt64(bitPattern: value << 1 ^ value >> 63)
  }

  @inline(__always)
  static func decode(_ value: UInt64) -> Int64 {
    Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
  }
}
