import NIOCore

/// The frames of one or more prepared messages in a row, put together once for all connections of a
/// loop that are sent the same ones in the same order within a tick. Loop-bound, lives for that tick.
final class SharedBatch {
  /// All frames' bytes.
  let bytes: ByteBuffer
  private let depth: Int
  /// The last frame; held because it is known by its address.
  private let last: PreparedMessage.Frame
  private var followers: [ObjectIdentifier: SharedBatch] = [:]

  /// Longer rows are not shared: the more frames, the less two connections have the same ones.
  private static let maximumDepth = 32
  private static let maximumBytes = 16 * 1024

  init(_ frame: PreparedMessage.Frame) {
    bytes = frame.bytes
    depth = 1
    last = frame
  }

  private init(_ earlier: SharedBatch, _ frame: PreparedMessage.Frame) {
    var bytes = ByteBufferAllocator().buffer(
      capacity: earlier.bytes.readableBytes + frame.bytes.readableBytes)
    bytes.writeImmutableBuffer(earlier.bytes)
    bytes.writeImmutableBuffer(frame.bytes)
    self.bytes = bytes
    depth = earlier.depth + 1
    last = frame
  }

  /// This row with one frame more; nil where it would be too long to share.
  func followed(by frame: PreparedMessage.Frame) -> SharedBatch? {
    let key = ObjectIdentifier(frame)
    if let known = followers[key] { return known }
    guard depth < Self.maximumDepth,
      bytes.readableBytes + frame.bytes.readableBytes <= Self.maximumBytes
    else { return nil }
    let follower = SharedBatch(self, frame)
    followers[key] = follower
    return follower
  }
}
