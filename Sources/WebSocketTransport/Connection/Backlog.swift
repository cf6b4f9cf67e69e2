import NIOCore

/// Messages too long for one frame, and whatever was sent behind them, in order. Exists only while
/// there are any.
final class Backlog {
  /// One message, or what is left of it.
  struct Entry {
    var opcode: Opcode
    var isCompressed: Bool
    var payload: ByteBuffer
  }

  private var entries = CircularBuffer<Entry>()
  /// Payload bytes of all entries.
  private(set) var bytes = 0

  var isEmpty: Bool { entries.isEmpty }

  func append(_ entry: Entry) {
    bytes += entry.payload.readableBytes
    entries.append(entry)
  }

  /// The next frame's head (without mask) and payload, of at most `fragmentBytes`; control frames
  /// always whole (RFC 6455 §5.5).
  func nextFrame(fragmentBytes: Int) -> (header: FrameHeader, payload: ByteBuffer)? {
    guard var entry = entries.first else { return nil }
    let whole = entry.payload.readableBytes
    let count = entry.opcode.isControl ? whole : min(whole, fragmentBytes)
    guard let payload = entry.payload.readSlice(length: count) else { return nil }
    bytes -= count
    let isLast = entry.payload.readableBytes == 0
    let header = FrameHeader(
      fin: isLast, compressed: entry.isCompressed, opcode: entry.opcode, length: count)
    if isLast {
      entries.removeFirst()
    } else {
      // Only a message's first frame says what it is and that it is compressed.
      entry.opcode = .continuation
      entry.isCompressed = false
      entries[entries.startIndex] = entry
    }
    return (header, payload)
  }
}
