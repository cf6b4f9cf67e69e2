/// Appends numbers of any number of bits to bytes, the highest bit first.
struct BitWriter {
  private(set) var bytes: [UInt8]
  /// The newest bits, in the lowest places; above them, what was written before.
  private var pending: UInt64 = 0
  private var pendingBits = 0

  /// Goes on behind bytes that are there already.
  init(appendingTo bytes: [UInt8] = []) {
    self.bytes = bytes
  }

  /// How many bytes there will be once finished.
  var byteCount: Int { bytes.count + (pendingBits + 7) / 8 }

  /// Appends the lowest `bits` (0…64) of a number, whose higher bits must be 0.
  mutating func write(_ value: UInt64, bits: Int) {
    if bits > 32 {
      append(value >> 32, bits: bits - 32)
      append(value & 0xFFFF_FFFF, bits: 32)
    } else {
      append(value, bits: bits)
    }
  }

  private mutating func append(_ value: UInt64, bits: Int) {
    pending = pending << UInt64(bits) | value
    pendingBits += bits
    while pendingBits >= 8 {
      pendingBits -= 8
      bytes.append(UInt8(truncatingIfNeeded: pending >> UInt64(pendingBits)))
    }
  }

  /// Fills the last byte with zeros and hands the bytes out.
  consuming func finish() -> [UInt8] {
    if pendingBits > 0 { append(0, bits: 8 - pendingBits) }
    return bytes
  }
}
