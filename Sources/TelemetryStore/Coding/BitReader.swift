/// Reads what ``BitWriter`` wrote. Reading past the end gives zeros and is remembered, so that a
/// damaged blob is found out once, at the end, and not at every number.
///
/// The bytes must outlive the reader.
struct BitReader {
  private let bytes: UnsafeRawBufferPointer
  private var position = 0

  init(_ bytes: UnsafeRawBufferPointer) {
    self.bytes = bytes
  }

  /// Whether more was read than there was.
  var isOverrun: Bool { position > bytes.count * 8 }

  /// The next 57 bits or more, in the highest places.
  @inline(__always)
  private func window() -> UInt64 {
    let first = position >> 3
    let word: UInt64
    if first + 8 <= bytes.count {
      word = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: first, as: UInt64.self))
    } else {
      word = tail(from: first)
    }
    return word << UInt64(position & 7)
  }

  private func tail(from first: Int) -> UInt64 {
    var word: UInt64 = 0
    for offset in 0..<8 {
      let index = first + offset
      word = word << 8 | (index < bytes.count ? UInt64(bytes[index]) : 0)
    }
    return word
  }

  /// The next `bits` (0…64) bits as a number.
  @inline(__always)
  mutating func read(bits: Int) -> UInt64 {
    guard bits <= 56 else {
      let high = read(bits: bits - 32)
      return high << 32 | read(bits: 32)
    }
    guard bits > 0 else { return 0 }
    let value = window() >> UInt64(64 - bits)
    position += bits
    return value
  }

  /// Counts the ones in front of the next zero, at most `limit` (≤ 56), and passes them and, where
  /// there were fewer, the zero.
  @inline(__always)
  mutating func readOnes(limit: Int) -> Int {
    let ones = min((~window()).leadingZeroBitCount, limit)
    position += ones < limit ? ones + 1 : limit
    return ones
  }
}
