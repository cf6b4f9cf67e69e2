/// Eight bytes from `offset` on, the first the lowest. They must be there; that is checked.
@inline(__always)
func word(_ bytes: Span<UInt8>, at offset: Int) -> UInt64 {
  UInt64(littleEndian: bytes.bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
}

/// Up to eight bytes from `offset` on, the first the lowest, zeros behind them; `count` must be 0…8
/// and the bytes there. Where more bytes follow, as in a message, one load takes them all.
@inline(__always)
func word(_ bytes: Span<UInt8>, at offset: Int, count: Int) -> UInt64 {
  if bytes.count &- offset >= 8 {
    let all = word(bytes, at: offset)
    return count >= 8 ? all : all & ((1 &<< UInt64(truncatingIfNeeded: 8 &* count)) &- 1)
  }
  var word: UInt64 = 0
  for index in 0..<count {
    word |= UInt64(bytes[offset &+ index]) &<< UInt64(truncatingIfNeeded: 8 &* index)
  }
  return word
}
