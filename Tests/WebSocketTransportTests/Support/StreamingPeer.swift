import CZlib
import WebSocketTransport

/// permessage-deflate as everybody else does it: one zlib stream a direction, open as long as the
/// connection is.
final class StreamingPeer {
  private var deflater = z_stream()
  private var inflater = z_stream()
  private let keepsSendingContext: Bool
  private let keepsReceivingContext: Bool

  init(
    sending: (takeover: Bool, windowBits: Int), receiving: (takeover: Bool, windowBits: Int),
    level: Int = 6, memoryLevel: Int = 8
  ) {
    keepsSendingContext = sending.takeover
    keepsReceivingContext = receiving.takeover
    // What zlib's users do about 8 bits, which its raw deflate refuses.
    hawser_deflate_init(
      &deflater, Int32(level), Int32(max(9, sending.windowBits)), Int32(memoryLevel))
    hawser_inflate_init(&inflater, Int32(receiving.windowBits))
  }

  deinit {
    deflateEnd(&deflater)
    inflateEnd(&inflater)
  }

  /// One message's payload, with the end mark cut off.
  func compress(_ plain: [UInt8]) -> [UInt8] {
    if !keepsSendingContext { deflateReset(&deflater) }
    var plain = plain
    var output = [UInt8](repeating: 0, count: Int(deflateBound(&deflater, UInt(plain.count))) + 64)
    let written = plain.withUnsafeMutableBufferPointer { input in
      output.withUnsafeMutableBufferPointer { target in
        deflater.next_in = input.baseAddress
        deflater.avail_in = UInt32(input.count)
        deflater.next_out = target.baseAddress
        deflater.avail_out = UInt32(target.count)
        deflate(&deflater, Z_SYNC_FLUSH)
        return target.count - Int(deflater.avail_out)
      }
    }
    // zlib flushes nothing a second time: an empty message is one empty block.
    return written == 0 ? [0] : Array(output.prefix(written - 4))
  }

  /// One message's plaintext; nil where zlib refuses.
  func inflate(_ payload: [UInt8], limit: Int = 4 << 20) -> [UInt8]? {
    if !keepsReceivingContext { inflateReset(&inflater) }
    var input = payload + [0, 0, 0xFF, 0xFF]
    var plain: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 * 1024)
    return input.withUnsafeMutableBufferPointer { source in
      inflater.next_in = source.baseAddress
      inflater.avail_in = UInt32(source.count)
      repeat {
        let (status, produced) = chunk.withUnsafeMutableBufferPointer { target in
          inflater.next_out = target.baseAddress
          inflater.avail_out = UInt32(target.count)
          let status = CZlib.inflate(&inflater, Z_SYNC_FLUSH)
          return (status, target.count - Int(inflater.avail_out))
        }
        plain += chunk.prefix(produced)
        if status == Z_BUF_ERROR { break }
        guard status == Z_OK, plain.count <= limit else { return nil }
      } while inflater.avail_out == 0 || inflater.avail_in > 0
      return plain
    }
  }
}
