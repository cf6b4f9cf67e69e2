import CZlib

/// One zlib stream for compressing, lent to whichever connection of the loop sends next. It remembers
/// nothing from one message to the next: history comes in as a dictionary.
package final class Deflater {
  /// What distinguishes one pooled stream from another.
  package struct Shape: Hashable, Sendable {
    /// 9 to 15; zlib has no smaller one for compressing.
    package var windowBits: Int
    /// zlib's memLevel: how large its hash table and its blocks are.
    package var memoryLevel: Int
    /// zlib's compression level, 1 to 9.
    package var level: Int

    /// The stream for `bytes` of plaintext behind `history` of which at most 2^`limitBits` bytes may
    /// be looked back on, and how much of the history, its end, is to be given to it.
    ///
    /// zlib looks back 262 bytes less than its own window. So its 9 bits also honour a limit of 8
    /// (250 ≤ 256); and where message and history together fit the limit, a larger window of its own
    /// makes all of them reachable without any distance growing over the limit.
    package static func choose(
      bytes: Int, history: Int, limitBits: Int, level: Int
    ) -> (shape: Shape, historyBytes: Int) {
      let limit = 1 << limitBits
      let reachable = (1 << max(9, limitBits)) - lookahead
      let fitsWhole = bytes <= limit && (history == 0 || limit - bytes > reachable)
      let used = fitsWhole ? min(history, limit - bytes) : history
      let most = fitsWhole ? 15 : max(9, limitBits)
      var bits = 9
      while bits < most && 1 << bits < bytes + used + lookahead { bits += 1 }
      // The hash table is cleared for every message, so it is kept in proportion to it.
      let memory = bytes <= 1024 ? 3 : bytes <= 8192 ? 5 : 8
      return (Shape(windowBits: bits, memoryLevel: memory, level: level), used)
    }

    /// zlib's MIN_LOOKAHEAD.
    private static let lookahead = 262
  }

  /// The stream's shape.
  package let shape: Shape
  private var stream = z_stream()

  /// A new stream; nil where zlib gets no memory.
  package init?(_ shape: Shape) {
    self.shape = shape
    let status = hawser_deflate_init(
      &stream, Int32(shape.level), Int32(shape.windowBits), Int32(shape.memoryLevel))
    guard status == Z_OK else { return nil }
  }

  deinit { deflateEnd(&stream) }

  /// Compresses `plain` as one message of RFC 7692 §7.2.1 against `dictionary`, into `output`, which
  /// is replaced. False where the result would not be shorter than `plain` (then `output` is void).
  package func compress(
    _ plain: UnsafeRawBufferPointer, dictionary: UnsafeRawBufferPointer, into output: inout Scratch
  ) -> Bool {
    deflateReset(&stream)
    if !dictionary.isEmpty {
      deflateSetDictionary(
        &stream, dictionary.bindMemory(to: Bytef.self).baseAddress, UInt32(dictionary.count))
    }
    // Four bytes of room for the end mark of the flush, which is cut off again.
    output.clear(capacity: plain.count + 4)
    stream.next_in = UnsafeMutablePointer(
      mutating: plain.bindMemory(to: Bytef.self).baseAddress)
    stream.avail_in = UInt32(plain.count)
    stream.next_out = output.base.assumingMemoryBound(to: Bytef.self)
    stream.avail_out = UInt32(plain.count + 4)
    let status = deflate(&stream, Z_SYNC_FLUSH)
    // No room left means that compressing does not pay.
    guard status == Z_OK, stream.avail_in == 0, stream.avail_out > 0 else { return false }
    output.count = plain.count + 4 - Int(stream.avail_out) - 4
    return output.count < plain.count
  }
}
