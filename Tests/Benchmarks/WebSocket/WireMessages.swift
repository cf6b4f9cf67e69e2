import CZlib
import WebSocketTransport

/// Telemetry as a client puts it on the wire: compressed with takeover by an ordinary stream, masked.
struct WireMessages {
  /// One frame each.
  var frames: [[UInt8]] = []
  /// The frames' payloads before masking.
  var payloads: [[UInt8]] = []
  /// Bytes of plaintext of all.
  var plainBytes = 0
  /// Bytes of all frames.
  var wireBytes: Int { frames.reduce(0) { $0 + $1.count } }

  init(count: Int, windowBits: Int32 = 10, level: Int32 = 6) {
    var stream = z_stream()
    hawser_deflate_init(&stream, level, windowBits, 8)
    defer { deflateEnd(&stream) }
    var telemetry = Telemetry()
    for number in 0..<count {
      var plain = telemetry.next()
      plainBytes += plain.count
      var output = [UInt8](repeating: 0, count: 512)
      let written = plain.withUnsafeMutableBufferPointer { source in
        output.withUnsafeMutableBufferPointer { target in
          stream.next_in = source.baseAddress
          stream.avail_in = UInt32(source.count)
          stream.next_out = target.baseAddress
          stream.avail_out = UInt32(target.count)
          deflate(&stream, Z_SYNC_FLUSH)
          return target.count - Int(stream.avail_out) - 4
        }
      }
      let payload = Array(output.prefix(written))
      payloads.append(payload)
      frames.append(Self.frame(payload, key: 0x1234_5678 &+ UInt32(number) &* 2_654_435_761))
    }
  }

  private static func frame(_ payload: [UInt8], key: UInt32) -> [UInt8] {
    let header = FrameHeader(
      fin: true, compressed: true, opcode: .text, maskKey: key, length: payload.count)
    var bytes = [UInt8](unsafeUninitializedCapacity: FrameHeader.maximumBytes) { buffer, count in
      count = header.write(to: UnsafeMutableRawBufferPointer(buffer))
    }
    var masked = payload
    masked.withUnsafeMutableBytes { raw in
      guard let start = raw.baseAddress else { return }
      Masking.apply(key, from: start, to: start, count: raw.count)
    }
    bytes += masked
    return bytes
  }
}
