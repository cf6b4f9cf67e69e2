/// A fast 32-bit checksum against flipped and torn bytes, eight at a time; no protection against
/// people.
enum Checksum {
  static func of(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    let prime: UInt64 = 0x9E37_79B1_85EB_CA87
    var sum = UInt64(truncatingIfNeeded: bytes.count) &* prime
    var offset = 0
    while offset + 8 <= bytes.count {
      let word = UInt64(
        littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      sum = mixed(sum ^ word, prime)
      offset += 8
    }
    var last: UInt64 = 0
    while offset < bytes.count {
      last = last << 8 | UInt64(bytes[offset])
      offset += 1
    }
    sum = mixed(sum ^ last, prime)
    return UInt32(truncatingIfNeeded: sum ^ sum >> 32)
  }

  @inline(__always)
  private static func mixed(_ word: UInt64, _ prime: UInt64) -> UInt64 {
    let product = word &* prime
    return (product ^ product >> 29) &* 0xBF58_476D_1CE4_E5B9
  }
}
