import NIOCore

/// The frames of one or more prepared messages in a row, put together once for all connections of a
/// loop that are sent the same ones in the same order within a tick. Loop-bound, lives for that tick, or
/// until the slowest of them has written it.
final class SharedBatch {
  /// All frames' bytes.
  let bytes: ByteBuffer
  /// How many bytes that is.
  let count: Int
  /// How many frames.
  let depth: Int
  /// What comes behind the last frame, by the form that is added.
  @exclusivity(unchecked) private var followers:
    [(form: PreparedMessage.Form, batch: SharedBatch)] = []

  /// The row of no frames, which all others begin with.
  init() {
    bytes = ByteBuffer()
    count = 0
    depth = 0
  }

  private init(_ earlier: SharedBatch, _ form: PreparedMessage.Form) {
    if earlier.depth == 0 {
      bytes = form.frame
    } else {
      var bytes = ByteBufferAllocator().buffer(
        capacity: earlier.count + form.frame.readableBytes)
      bytes.writeImmutableBuffer(earlier.bytes)
      bytes.writeImmutableBuffer(form.frame)
      self.bytes = bytes
    }
    count = bytes.readableBytes
    depth = earlier.depth + 1
  }

  /// This row with one frame more, where some connection has it already.
  @inline(__always)
  func follower(_ form: PreparedMessage.Form) -> SharedBatch? {
    // Nearly always the newest one: a message goes to all connections before the next one does.
    var index = followers.count
    while index > 0 {
      index -= 1
      if followers[index].form === form { return followers[index].batch }
    }
    return nil
  }

  /// Adds this row with one frame more.
  func follow(with form: PreparedMessage.Form) -> SharedBatch {
    let batch = SharedBatch(self, form)
    followers.append((form, batch))
    return batch
  }

  /// Lets go of every longer row. A connection whose reader is slow keeps its own row beyond the tick,
  /// and must not keep with it what others were sent.
  func forgetFollowers() {
    followers.removeAll()
  }
}
