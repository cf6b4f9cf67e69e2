/// Eight bytes from `offset` on, the first the lowest. They must be there; that is checked.
@inline(__always)
func word(_ bytes: Span<UInt8>, at offset: Int) -> UInt64 {
  UInt64(littleEndian: bytes.bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
}

/// Eight bytes from `offset` on, the first the lowest, zeros behind the last there is; `offset` must
/// not be beyond the end.
@inline(__always)
func paddedWord(_ bytes: Span<UInt8>, at offset: Int) -> UInt64 {
  bytes.count &- offset >= 8 ? word(bytes, at: offset) : lastWord(bytes, at: offset)
}

/// Up to eight bytes from `offset` on, the first the lowest, zeros behind them; `count` must be 0…8
/// and the bytes there.
@inline(__always)
func word(_ bytes: Span<UInt8>, at offset: Int, count: Int) -> UInt64 {
  paddedWord(bytes, at: offset) & .max >> UInt64(truncatingIfNeeded: 64 &- 8 &* count)
}

/// Fewer than eight bytes, which are all that is left. Out of line: it is for a message's end alone,
/// and its loop would take the registers of those who need a word.
@inline(never)
private func lastWord(_ bytes: Span<UInt8>, at offset: Int) -> UInt64 {
  var word: UInt64 = 0
  for index in 0..<bytes.count - offset {
    word |= UInt64(bytes[offset + index]) &<< UInt64(truncatingIfNeeded: 8 &* index)
  }
  return word
}
