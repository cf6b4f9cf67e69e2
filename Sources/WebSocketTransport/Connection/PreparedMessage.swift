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
    var frame: Frame
    /// The frame's payload.
    var payload: ByteBuffer
  }

  /// A frame's bytes, with an identity by which connections that send the same can be told.
  final class Frame: Sendable {
    let bytes: ByteBuffer

    init(_ bytes: ByteBuffer) {
      self.bytes = bytes
    }
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

  /// What peers are to be sent that keep 2^`limitBits` bytes of window, nil for none that inflate.
  func variant(
    limitBits: Int?, _ configuration: WebSocketConfiguration, _ resources: LoopResources
  ) -> Variant {
    guard let limitBits, let settings = configuration.compression,
      bytes.readableBytes >= settings.minimumBytes
    else { return plain }
    // Where the whole message fits a window, the result is the same for every larger one.
    let (shape, _) = Deflater.Shape.choose(
      bytes: bytes.readableBytes, history: 0, limitBits: limitBits, level: settings.level)
    return compressed.withLock { variants in
      for known in variants where known.shape == shape { return known.variant }
      let variant = compress(shape, resources)
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
    return Variant(isCompressed: isCompressed, frame: Frame(frame), payload: inner)
  }
}
