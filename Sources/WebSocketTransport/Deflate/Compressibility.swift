/// A glance at a message that tells data already compressed or encrypted from everything else.
package enum Compressibility {
  /// Bytes looked at, spread over the message.
  private static let samples = 256

  /// Whether compressing `bytes` is worth trying. Short messages and anything like text always are.
  package static func promises(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard bytes.count >= 1024 else { return true }
    let step = bytes.count / samples
    var seen: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    for sample in 0..<samples {
      let byte = bytes[sample * step]
      let bit: UInt64 = 1 << (UInt64(byte) & 63)
      switch byte >> 6 {
      case 0: seen.0 |= bit
      case 1: seen.1 |= bit
      case 2: seen.2 |= bit
      default: seen.3 |= bit
      }
    }
    let distinct =
      seen.0.nonzeroBitCount + seen.1.nonzeroBitCount + seen.2.nonzeroBitCount
      + seen.3.nonzeroBitCount
    // 256 evenly random bytes show 162 different ones, give or take 7; text shows some 60.
    return distinct < 140
  }
}
