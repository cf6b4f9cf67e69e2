package import NIOCore
import Synchronization

/// One message for many connections: framed once, and compressed once for all whose windows allow the
/// same result: those that have a history in common, and those that have none. May be sent from several
/// loops at once.
package final class PreparedMessage: Sendable {
  /// What one group of peers gets: the whole frame as a server sends it. Connections that are sent the
  /// same one are known by its identity.
  final class Form: Sendable {
    let isCompressed: Bool
    let frame: ByteBuffer
    let payloadBytes: Int
    /// What the peer's window ends with afterwards; nil where nobody is to look back on it.
    let history: SharedHistory?

    init(
      _ opcode: Opcode, isCompressed: Bool, _ payload: UnsafeRawBufferPointer,
      history: SharedHistory? = nil
    ) {
      let header = FrameHeader(
        fin: true, compressed: isCompressed, opcode: opcode, length: payload.count)
      let head = header.encodedBytes
      var frame = ByteBufferAllocator().buffer(capacity: head + payload.count)
      frame.writeWithUnsafeMutableBytes(minimumWritableBytes: head) { header.write(to: $0) }
      frame.writeBytes(payload)
      self.isCompressed = isCompressed
      self.frame = frame
      payloadBytes = payload.count
      self.history = history
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

  /// What a form depends on.
  private struct Key: Equatable {
    /// The stream that makes it; nil for none.
    var shape: Deflater.Shape?
    /// The number of the history before it; 0 for none.
    var history: UInt64 = 0
    /// How much of the history after it is kept.
    var keptBytes = 0
  }

  /// The forms that were asked for so far.
  private let forms = Mutex<[(key: Key, form: Form)]>([])

  /// With how many histories one message is compressed; connections with others get it without.
  private static let maximumHistories = 8

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

  /// What peers are to be sent that keep 2^`limitBits` bytes of window, nil for none that inflate, and
  /// whose windows end with `history`.
  func form(
    limitBits: Int?, after history: SharedHistory?, _ settings: DeflateSettings?,
    _ resources: LoopResources
  ) -> Form {
    guard let limitBits, let settings, bytes.readableBytes >= settings.minimumBytes else {
      return forms.withLock { plainForm(&$0) }
    }
    // Behind so long a message hardly any of the history would be within reach.
    let pays = settings.sharesHistory && bytes.readableBytes <= settings.historyBytes * 4
    return forms.withLock { forms in
      var history = pays ? history : nil
      if let number = history?.number,
        !forms.contains(where: { $0.key.history == number }),
        forms.count(where: { $0.key.history != 0 }) >= Self.maximumHistories
      {
        history = nil
      }
      // Where the whole message fits a window, the result is the same for every larger one.
      let (shape, used) = Deflater.Shape.choose(
        bytes: bytes.readableBytes, history: history?.bytes.count ?? 0, limitBits: limitBits,
        level: settings.level)
      let key = Key(
        shape: shape, history: history?.number ?? 0, keptBytes: pays ? settings.historyBytes : 0)
      for known in forms where known.key == key { return known.form }
      let form =
        compress(key, history, dictionaryBytes: used, resources) ?? plainForm(&forms)
      forms.append((key, form))
      return form
    }
  }

  private func plainForm(_ forms: inout [(key: Key, form: Form)]) -> Form {
    for known in forms where known.key.shape == nil { return known.form }
    let form = bytes.withUnsafeReadableBytes { Form(opcode, isCompressed: false, $0) }
    forms.append((Key(), form))
    return form
  }

  /// Nil where compressing does not pay.
  private func compress(
    _ key: Key, _ history: SharedHistory?, dictionaryBytes: Int, _ resources: LoopResources
  ) -> Form? {
    guard let shape = key.shape else { return nil }
    let dictionary = history?.bytes.suffix(dictionaryBytes) ?? []
    return bytes.withUnsafeReadableBytes { raw in
      guard Compressibility.promises(raw), let deflater = resources.deflater(shape),
        dictionary.withUnsafeBytes({
          deflater.compress(raw, dictionary: $0, into: &resources.scratch)
        })
      else { return nil }
      return Form(
        opcode, isCompressed: true, resources.scratch.bytes,
        history: key.keptBytes > 0
          ? SharedHistory(history, raw, limitBytes: key.keptBytes) : nil)
    }
  }
}
