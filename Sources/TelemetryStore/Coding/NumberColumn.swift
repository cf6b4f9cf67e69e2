/// A column of numbers in bits, whose count its reader knows.
enum NumberColumn {
  /// Appends small numbers: a bit that says whether any is not zero, then Rice codes.
  static func write(_ numbers: [UInt64], to bits: inout BitWriter) {
    guard numbers.contains(where: { $0 != 0 }) else {
      bits.write(0, bits: 1)
      return
    }
    bits.write(1, bits: 1)
    var model = RiceModel()
    for number in numbers { bits.write(number, &model) }
  }

  /// Reads `count` numbers back.
  static func read(_ count: Int, from bits: inout BitReader) -> [UInt64] {
    guard bits.read(bits: 1) == 1 else { return Array(repeating: 0, count: count) }
    var model = RiceModel()
    return Array(unsafeUninitializedCapacity: count) { buffer, initialized in
      for index in 0..<count { buffer[index] = bits.read(&model) }
      initialized = count
    }
  }

  /// Appends the differences of bit patterns (each XORed with what it is near to): those that are
  /// zero cost a bit, others the bits that differ. After Pelkonen et al., "Gorilla: A Fast, Scalable,
  /// In-Memory Time Series Database", PVLDB 8(12), 2015, §4.1.2.
  static func writePatterns(_ patterns: [UInt64], to bits: inout BitWriter) {
    var leading = 64
    var trailing = 0
    for pattern in patterns {
      guard pattern != 0 else {
        bits.write(0, bits: 1)
        continue
      }
      let zerosBefore = min(pattern.leadingZeroBitCount, 31)
      let zerosAfter = pattern.trailingZeroBitCount
      if leading <= zerosBefore, trailing <= zerosAfter,
        // Not for ever: a new window costs eleven bits, and may save more.
        zerosBefore - leading + zerosAfter - trailing < 16
      {
        bits.write(0b10, bits: 2)
      } else {
        leading = zerosBefore
        trailing = zerosAfter
        bits.write(0b11, bits: 2)
        bits.write(UInt64(leading), bits: 5)
        bits.write(UInt64(64 - leading - trailing - 1), bits: 6)
      }
      bits.write(pattern >> UInt64(trailing), bits: 64 - leading - trailing)
    }
  }

  /// Reads `count` patterns back; nil where they cannot have been written.
  static func readPatterns(_ count: Int, from bits: inout BitReader) -> [UInt64]? {
    var leading = 64
    var trailing = 0
    var patterns: [UInt64] = []
    patterns.reserveCapacity(count)
    for _ in 0..<count {
      guard bits.read(bits: 1) == 1 else {
        patterns.append(0)
        continue
      }
      if bits.read(bits: 1) == 1 {
        leading = Int(bits.read(bits: 5))
        trailing = 64 - leading - Int(bits.read(bits: 6)) - 1
      }
      guard leading < 64, trailing >= 0 else { return nil }
      patterns.append(bits.read(bits: 64 - leading - trailing) << UInt64(trailing))
    }
    return patterns
  }
}
