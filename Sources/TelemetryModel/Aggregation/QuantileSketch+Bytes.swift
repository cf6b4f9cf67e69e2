extension QuantileSketch {
  /// Appends the sketch for storage; about seven bytes for a window of equal readings, two more for
  /// each further bucket.
  ///
  /// Layout, all numbers as unsigned LEB128: a version (1), the count of zeros; then for positive
  /// and for negative values: how many buckets are in use, and for each the distance of its number
  /// from the one before (the first one's own number, zigzag) and its count.
  package func encode(into bytes: inout [UInt8]) {
    bytes.append(1)
    appendVarint(zeroCount, &bytes)
    positive.encode(into: &bytes)
    negative.encode(into: &bytes)
  }

  /// Reads a sketch that takes all of the bytes; nil when they are none that `encode` has written.
  package init?(decoding bytes: Span<UInt8>) {
    var offset = 1
    guard !bytes.isEmpty, bytes[0] == 1, let zeros = readVarint(bytes, &offset),
      let positive = SketchBuckets(decoding: bytes, &offset),
      let negative = SketchBuckets(decoding: bytes, &offset), offset == bytes.count
    else { return nil }
    self.init(zeroCount: zeros, positive: positive, negative: negative)
  }
}

extension SketchBuckets {
  fileprivate func encode(into bytes: inout [UInt8]) {
    appendVarint(UInt64(counts.count { $0 > 0 }), &bytes)
    var previous: Int32?
    for (offset, times) in counts.enumerated() where times > 0 {
      let index = first + Int32(offset)
      if let previous {
        appendVarint(UInt64(index - previous), &bytes)
      } else {
        let zigzag = UInt32(bitPattern: index << 1 ^ index >> 31)
        appendVarint(UInt64(zigzag), &bytes)
      }
      previous = index
      appendVarint(times, &bytes)
    }
  }

  fileprivate init?(decoding bytes: Span<UInt8>, _ offset: inout Int) {
    self.init()
    guard let used = readVarint(bytes, &offset),
      used <= UInt64(QuantileSketch.maxBuckets)
    else { return nil }
    var index: Int64 = 0
    for place in 0..<used {
      guard let step = readVarint(bytes, &offset), step <= UInt64(UInt32.max),
        let times = readVarint(bytes, &offset), times > 0
      else { return nil }
      if place == 0 {
        index = Int64(Int32(bitPattern: UInt32(step >> 1)) ^ -Int32(step & 1))
      } else {
        guard step > 0 else { return nil }
        index += Int64(step)
      }
      guard index >= Int64(SketchMapping.lowest), index <= Int64(SketchMapping.highest) else {
        return nil
      }
      add(Int32(index), times)
    }
  }
}

/// Appends an unsigned number in 7-bit groups, the lowest first (LEB128).
func appendVarint(_ value: UInt64, _ bytes: inout [UInt8]) {
  var rest = value
  while rest >= 0x80 {
    bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
    rest >>= 7
  }
  bytes.append(UInt8(truncatingIfNeeded: rest))
}

/// Reads what `appendVarint` has written; nil where the bytes end before or hold more than 64 bits.
func readVarint(_ bytes: Span<UInt8>, _ offset: inout Int) -> UInt64? {
  var value: UInt64 = 0
  var shift: UInt64 = 0
  while offset < bytes.count {
    let byte = bytes[offset]
    offset += 1
    guard shift < 63 || byte <= 1 else { return nil }
    value |= UInt64(byte & 0x7F) << shift
    if byte < 0x80 { return value }
    shift += 7
  }
  return nil
}
