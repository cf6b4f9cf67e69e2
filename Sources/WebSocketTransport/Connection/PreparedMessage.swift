package import NIOCore
import Synchronization

/// One message for many connections: framed once, and compressed once for all whose windows allow the
/// same result. Compressed without history, so any peer understands it at any time; may be sent from
/// several loops at once.
package final class PreparedMessage: Sendable {
  /// What one group of peers gets: the whole frame as a server sends it. Connections that are sent the
  /// same one are known by its identity.
  final class Form: Sendable {
    let isCompressed: Bool
    let frame: ByteBuffer
    let payloadBytes: Int

    init(_ opcode: Opcode, isCompressed: Bool, _ payload: UnsafeRawBufferPointer) {
      let header = FrameHeader(
        fin: true, compressed: isCompressed, opcode: opcode, length: payload.count)
      let head = header.encodedBytes
      var frame = ByteBufferAllocator().buffer(capacity: head + payload.count)
      frame.writeWithUnsafeMutableBytes(minimumWritableBytes: head) { header.write(to: $0) }
      frame.writeBytes(payload)
      self.isCompressed = isCompressed
      self.frame = frame
      payloadBytes = payload.count
    }

    /// The frame's payload; shares the frame's memory.
    var payload: ByteBuffer {
      var payload = frame
      payload.moveReaderIndex(forwardBy: frame.readableBytes - payloadBytes)
      return payload
    }
  }

  /// The message as it was given.
  package let bytes: ByteBuffer
  let opcode: Opcode

  /// The forms that were asked for so far, by the stream that made them; nil for none.
  private let forms = Mutex<[(shape: Deflater.Shape?, form: Form)]>([])

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
  }

  /// How many different compressed forms exist so far.
  package var compressedForms: Int {
    forms.withLock { $0.count { $0.form.isCompressed } }
  }

  /// What peers are to be sent that keep 2^`limitBits` bytes of window, nil for none that inflate.
  func form(
    limitBits: Int?, _ settings: DeflateSettings?, _ resources: LoopResources
  ) -> Form {
    guard let limitBits, let settings, bytes.readableBytes >= settings.minimumBytes else {
      return forms.withLock { plainForm(&$0) }
    }
    // Where the whole message fits a window, the result is the same for every larger one.
    let (shape, _) = Deflater.Shape.choose(
      bytes: bytes.readableBytes, history: 0, limitBits: limitBits, level: settings.level)
    return forms.withLock { forms in
      for known in forms where known.shape == shape { return known.form }
      let form = compress(shape, resources) ?? plainForm(&forms)
      forms.append((shape, form))
      return form
    }
  }

  private func plainForm(_ forms: inout [(shape: Deflater.Shape?, form: Form)]) -> Form {
    for known in forms where known.shape == nil { return known.form }
    let form = bytes.withUnsafeReadableBytes { Form(opcode, isCompressed: false, $0) }
    forms.append((nil, form))
    return form
  }

  /// Nil where compressing does not pay.
  private func compress(_ shape: Deflater.Shape, _ resources: LoopResources) -> Form? {
    bytes.withUnsafeReadableBytes { raw in
      guard Compressibility.promises(raw), let deflater = resources.deflater(shape),
        deflater.compress(raw, dictionary: .init(start: nil, count: 0), into: &resources.scratch)
      else { return nil }
      return Form(opcode, isCompressed: true, resources.scratch.bytes)
    }
  }
}
