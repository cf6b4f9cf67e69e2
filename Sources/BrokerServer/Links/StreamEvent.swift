import CZlib
import NIOCore
import Synchronization
import WebSocketTransport

/// One event for many streams (WHATWG HTML, "Server-sent events"): its bytes made once, and compressed
/// once for all streams that are compressed. Safe from any thread.
///
/// It is compressed as whole blocks of DEFLATE (RFC 1951) that look back on nothing before them and end
/// at a byte; a stream of such blocks is one valid stream, whatever events a reader was sent before.
final class StreamEvent: Sendable {
  let bytes: ByteBuffer
  private let deflated = Mutex<ByteBuffer?>(nil)
  private let checksums = Mutex<(crc: UInt32, adler: UInt32)?>(nil)

  init(_ bytes: [UInt8]) {
    self.bytes = ByteBuffer(bytes: bytes)
  }

  /// DEFLATE blocks.
  var blocks: ByteBuffer {
    deflated.withLock { known in
      if let known { return known }
      let made = StreamEvent.compress(bytes)
      known = made
      return made
    }
  }

  /// CRC-32 (RFC 1952 §2.3.1) and Adler-32 (RFC 1950 §2.2) of the bytes.
  var sums: (crc: UInt32, adler: UInt32) {
    checksums.withLock { known in
      if let known { return known }
      let made = bytes.withUnsafeReadableBytes { raw in
        let start = raw.bindMemory(to: Bytef.self).baseAddress
        return (
          crc: UInt32(truncatingIfNeeded: crc32(0, start, UInt32(raw.count))),
          adler: UInt32(truncatingIfNeeded: adler32(1, start, UInt32(raw.count)))
        )
      }
      known = made
      return made
    }
  }

  private static func compress(_ bytes: ByteBuffer) -> ByteBuffer {
    bytes.withUnsafeReadableBytes { plain in
      let (shape, _) = Deflater.Shape.choose(
        bytes: plain.count, history: 0, limitBits: 15, level: 6)
      var scratch = Scratch()
      guard plain.count > 32, let deflater = Deflater(shape),
        deflater.compress(plain, dictionary: .init(start: nil, count: 0), into: &scratch)
      else { return stored(plain) }
      var blocks = ByteBuffer()
      blocks.reserveCapacity(scratch.count + 4)
      blocks.writeBytes(scratch.bytes)
      // The end mark of a flush, which messages of a WebSocket go without (RFC 7692 §7.2.1).
      blocks.writeBytes([0x00, 0x00, 0xFF, 0xFF])
      return blocks
    }
  }

  /// Stored blocks (RFC 1951 §3.2.4).
  private static func stored(_ plain: UnsafeRawBufferPointer) -> ByteBuffer {
    var blocks = ByteBuffer()
    var rest = plain[...]
    while !rest.isEmpty {
      let part = rest.prefix(0xFFFF)
      rest = rest.dropFirst(part.count)
      blocks.writeInteger(UInt8(0))
      blocks.writeInteger(UInt16(part.count), endianness: .little)
      blocks.writeInteger(~UInt16(part.count), endianness: .little)
      blocks.writeBytes(part)
    }
    return blocks
  }
}

/// How one stream's events are encoded (RFC 9110 §8.4.1), and what has to stand before and behind them.
struct StreamCoding {
  /// The codings that there are.
  enum Name: String, CaseIterable, Sendable {
    case gzip
    case deflate
    case identity
  }

  let name: Name
  private var crc: UInt = 0
  private var adler: UInt = 1
  private var length: UInt64 = 0

  init(_ name: Name) {
    self.name = name
  }

  /// What a request accepts most, the shortest where it has no favourite (RFC 9110 §12.5.3).
  static func chosen(_ accept: String?) -> Name {
    guard let accept else { return .identity }
    var weights: [String: Double] = [:]
    for part in accept.split(separator: ",") {
      let words = part.split(separator: ";").map { $0.filter { $0 != " " }.lowercased() }
      guard let name = words.first else { continue }
      let weight = words.dropFirst().first { $0.hasPrefix("q=") }.flatMap {
        Double($0.dropFirst(2))
      }
      weights[name == "x-gzip" ? "gzip" : name] = weight ?? 1
    }
    let known: [(Name, Double)] = [Name.gzip, .deflate].map {
      ($0, weights[$0.rawValue] ?? weights["*"] ?? 0)
    }
    guard let best = known.max(by: { $0.1 < $1.1 })?.1, best > 0,
      best >= weights["identity"] ?? 0,
      let first = known.first(where: { $0.1 == best })
    else { return .identity }
    return first.0
  }

  /// What stands before the first event.
  var head: [UInt8] {
    switch name {
    // RFC 1952 §2.3: deflate, no flags, no time, nothing special, Unix.
    case .gzip: [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3]
    // RFC 1950 §2.2: deflate with 32 KB of window, the default level.
    case .deflate: [0x78, 0x9C]
    case .identity: []
    }
  }

  /// The bytes of one event.
  mutating func encode(_ event: StreamEvent) -> ByteBuffer {
    guard name != .identity else { return event.bytes }
    let count = event.bytes.readableBytes
    let sums = event.sums
    if name == .gzip {
      crc = UInt(crc32_combine(uLong(crc), uLong(sums.crc), count))
    } else {
      adler = UInt(adler32_combine(uLong(adler), uLong(sums.adler), count))
    }
    length += UInt64(count)
    return event.blocks
  }

  /// What stands behind the last event: an empty last block and the checksum.
  var tail: ByteBuffer {
    var tail = ByteBuffer()
    guard name != .identity else { return tail }
    tail.writeBytes([0x03, 0x00])
    if name == .gzip {
      tail.writeInteger(UInt32(truncatingIfNeeded: crc), endianness: .little)
      tail.writeInteger(UInt32(truncatingIfNeeded: length), endianness: .little)
    } else {
      tail.writeInteger(UInt32(truncatingIfNeeded: adler), endianness: .big)
    }
    return tail
  }
}
