/// The masking of RFC 6455 §5.3: payload byte i is combined with key byte i mod 4.
package enum Masking {
  /// Copies `source` to `target` with `key` applied. `key` holds its bytes in memory order and
  /// `offset` is where in the frame's payload `source` begins (only its value mod 4 matters).
  /// The regions may be the same one, not otherwise overlapping.
  @inline(__always)
  package static func apply(
    _ key: UInt32, offset: Int = 0, from source: UnsafeRawPointer,
    to target: UnsafeMutableRawPointer, count: Int
  ) {
    let turned = rotated(key, by: offset)
    var done = 0
    if count >= 32 {
      let wide = SIMD8<UInt32>(repeating: turned)
      while count - done >= 32 {
        let block = source.loadUnaligned(fromByteOffset: done, as: SIMD8<UInt32>.self)
        target.storeBytes(of: block ^ wide, toByteOffset: done, as: SIMD8<UInt32>.self)
        done += 32
      }
    }
    let pair = UInt64(turned) << 32 | UInt64(turned)
    while count - done >= 8 {
      let block = source.loadUnaligned(fromByteOffset: done, as: UInt64.self)
      target.storeBytes(of: block ^ pair, toByteOffset: done, as: UInt64.self)
      done += 8
    }
    var rest = turned
    while done < count {
      let byte = source.load(fromByteOffset: done, as: UInt8.self) ^ lowestInMemory(rest)
      target.storeBytes(of: byte, toByteOffset: done, as: UInt8.self)
      rest = rotated(rest, by: 1)
      done += 1
    }
  }

  /// The key as seen from `offset` bytes further on.
  @inline(__always)
  package static func rotated(_ key: UInt32, by offset: Int) -> UInt32 {
    let shift = UInt32(truncatingIfNeeded: offset & 3) &* 8
    guard shift != 0 else { return key }
    let little = UInt32(littleEndian: key)
    return ((little &>> shift) | (little &<< (32 &- shift))).littleEndian
  }

  @inline(__always)
  private static func lowestInMemory(_ key: UInt32) -> UInt8 {
    UInt8(truncatingIfNeeded: UInt32(littleEndian: key))
  }
}
