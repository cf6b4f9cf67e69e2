import CZlib
package import NIOCore

/// One zlib stream for inflating, lent to a connection from the first byte of a compressed message to
/// its last.
package final class Inflater {
  @exclusivity(unchecked) private var stream = z_stream()
  /// A block marked final has ended; more may follow it (RFC 7692 §7.2.3.4).
  private var ended = false
  private var sawInput = false

  /// A new stream; nil where zlib gets no memory.
  package init?() {
    guard hawser_inflate_init(&stream, 15) == Z_OK else { return nil }
  }

  deinit { inflateEnd(&stream) }

  /// Begins a message whose distances may reach back into `window` and no further.
  package func begin(window: UnsafeRawBufferPointer) {
    // One window size for every peer: another one would free and allocate zlib's own each time.
    // What the peer agreed to is only ever smaller, and distances beyond what is there are errors.
    hawser_inflate_reset(&stream, 15)
    if !window.isEmpty {
      inflateSetDictionary(
        &stream, window.bindMemory(to: Bytef.self).baseAddress, UInt32(window.count))
    }
    ended = false
    sawInput = false
  }

  /// Begins another message of the same sender right behind the last one, whose history is still here.
  package func beginNext() {
    sawInput = false
  }

  /// Inflates the next piece of the message to the end of `output`, which grows to at most
  /// `limitBytes` readable bytes: `messageTooLarge` as soon as there would be one more.
  package func inflate(
    _ piece: UnsafeRawBufferPointer, into output: inout ByteBuffer, limitBytes: Int
  ) throws(WebSocketError) {
    guard !piece.isEmpty else { return }
    sawInput = true
    try run(piece, into: &output, limitBytes: limitBytes)
  }

  /// Inflates the last piece of a message to the end of `output`, as `inflate` and `finish` would. The
  /// four bytes behind `piece` are the flush mark that the sender cut off (`endMark`).
  package func inflateLast(
    _ pieceAndMark: UnsafeRawBufferPointer, into output: inout ByteBuffer, limitBytes: Int
  ) throws(WebSocketError) {
    let mark = Self.endMark.bitWidth / 8
    guard sawInput || pieceAndMark.count > mark else { return }
    try run(pieceAndMark, mark: mark, into: &output, limitBytes: limitBytes)
    guard ended || hawser_inflate_between_blocks(&stream) != 0 else { throw .corruptDeflateData }
  }

  /// 00 00 FF FF in memory, which every flush ends with (RFC 7692 §7.2.1).
  package static let endMark = UInt32(0x0000_FFFF).bigEndian

  /// Ends the message: supplies the flush mark that the sender cut off (RFC 7692 §7.2.2).
  package func finish(into output: inout ByteBuffer, limitBytes: Int) throws(WebSocketError) {
    // Some senders leave an empty message empty, and some end one with its final block.
    if !sawInput || ended { return }
    var status: WebSocketError?
    withUnsafeBytes(of: Self.endMark) { mark in
      do throws(WebSocketError) {
        try run(mark, into: &output, limitBytes: limitBytes)
      } catch {
        status = error
      }
    }
    if let status { throw status }
    guard ended || hawser_inflate_between_blocks(&stream) != 0 else { throw .corruptDeflateData }
  }

  /// Runs the stream over `piece`, of which the last `mark` bytes are the flush mark: they are not
  /// needed where a final block ended the message.
  private func run(
    _ piece: UnsafeRawBufferPointer, mark: Int = 0, into output: inout ByteBuffer, limitBytes: Int
  ) throws(WebSocketError) {
    stream.next_in = UnsafeMutablePointer(mutating: piece.bindMemory(to: Bytef.self).baseAddress)
    stream.avail_in = UInt32(piece.count)
    while true {
      if ended {
        guard stream.avail_in > 0 && Int(stream.avail_in) != mark else { return }
        hawser_inflate_continue(&stream)
        ended = false
      }
      // One byte over the limit shows that it is passed.
      let left = limitBytes - output.readableBytes + 1
      let room = min(left, max(output.writableBytes, Int(stream.avail_in) * 4, 512))
      var status = Z_OK
      output.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { target in
        let offered = min(target.count, left)
        stream.next_out = target.bindMemory(to: Bytef.self).baseAddress
        stream.avail_out = UInt32(offered)
        status = CZlib.inflate(&stream, Z_SYNC_FLUSH)
        return offered - Int(stream.avail_out)
      }
      guard output.readableBytes <= limitBytes else {
        throw .messageTooLarge(limitBytes: limitBytes)
      }
      switch status {
      case Z_STREAM_END: ended = true
      case Z_OK:
        // Between two blocks nothing is left to write, even where the output is just full; another call
        // would move zlib on to the next block's head.
        let isBetweenBlocks = hawser_inflate_between_blocks(&stream) != 0
        if stream.avail_in == 0 && (stream.avail_out > 0 || isBetweenBlocks) { return }
      // Nothing left to read and nothing more to write.
      case Z_BUF_ERROR: return
      default: throw .corruptDeflateData
      }
    }
  }
}
