package import NIOCore
import Synchronization

/// One message for many connections: framed once, and compressed once for all whose windows allow the
/// same result. Compressed without history, so any peer understands it at any time; may be sent from
/// several loops at once.
package final class PreparedMessage: Sendable {
  /// What one group of peers gets.
  struct Variant: Sendable {
    var isCompressed: Bool
    /// The whole frame as a server sends it.
    var frame: ByteBuffer
    /// The frame's payload.
    var payload: ByteBuffer
  }

  /// The message as it was given.
  package let bytes: ByteBuffer
  let opcode: Opcode

  private let plain: Variant
  private let compressed = Mutex<[(shape: Deflater.Shape, variant: Variant)]>([])

  /// A text message; `text` has to be UTF-8.
  package convenience init(text: ByteBuffer) {
    self.init(.text, text)
  }

  /// A text message; `text` has to be UTF-8.
  package convenience init(text: [UInt8]) {
    self.init(.text, ByteBuffer(bytes: text))
  }

  /// A binary message.
  package convenience init(binary: ByteBuffer) {
    self.init(.binary, binary)
  }

  private init(_ opcode: Opcode, _ bytes: ByteBuffer) {
    self.opcode = opcode
    self.bytes = bytes
    plain = bytes.withUnsafeReadableBytes { Self.frame(opcode, isCompressed: false, $0) }
  }

  /// How many different compressed forms exist so far.
  package var compressedVariants: Int { compressed.withLock { $0.count } }

  /// What `connection` is to be sent. Call on its loop.
  func variant(for connection: WebSocketConnection) -> Variant {
    guard let deflate = connection.deflate,
      let settings = connection.configuration.compression,
      bytes.readableBytes >= settings.minimumBytes
    else { return plain }
    let limit = deflate.sending(as: connection.role).windowBits
    // A window that the whole message fits in is the same for all peers that have at least that.
    let shape = Deflater.Shape(
      bytes: bytes.readableBytes, dictionary: 0, limitBits: min(limit, settings.windowBits),
      level: settings.level)
    return compressed.withLock { variants in
      for known in variants where known.shape == shape { return known.variant }
      let variant = compress(shape, connection.resources)
      variants.append((shape, variant))
      return variant
    }
  }

  private func compress(_ shape: Deflater.Shape, _ resources: LoopResources) -> Variant {
    bytes.withUnsafeReadableBytes { raw in
      guard Compressibility.promises(raw), let deflater = resources.deflater(shape),
        deflater.compress(raw, dictionary: .init(start: nil, count: 0), into: &resources.scratch)
      else { return plain }
      return Self.frame(opcode, isCompressed: true, resources.scratch.bytes)
    }
  }

  private static func frame(
    _ opcode: Opcode, isCompressed: Bool, _ payload: UnsafeRawBufferPointer
  ) -> Variant {
    let header = FrameHeader(
      fin: true, compressed: isCompressed, opcode: opcode, length: payload.count)
    let head = header.encodedBytes
    var frame = ByteBufferAllocator().buffer(capacity: head + payload.count)
    frame.writeWithUnsafeMutableBytes(minimumWritableBytes: head) { header.write(to: $0) }
    frame.writeBytes(payload)
    var inner = frame
    inner.moveReaderIndex(forwardBy: head)
    return Variant(isCompressed: isCompressed, frame: frame, payload: inner)
  }
}
