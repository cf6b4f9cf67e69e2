import Glibc
import NIOCore
import NIOSSL

/// The way past NIO's pending writes: while the channel holds nothing, frames go to the kernel with one
/// `send` and nothing around it. That is what a fan-out to thousands of connections consists of.
///
/// What the kernel does not take goes through the channel, and everything behind it as well until the
/// channel is empty again, so the order never changes. Used where the connection is alone with its
/// socket: not behind TLS, and not where the configuration says otherwise.
///
/// NIO knows nothing of what happens here, so what it closes it closes behind this one's back, and these
/// bytes must never go to a descriptor that is somebody else's by now. Both run on the loop: within the
/// call that closes the descriptor the channel becomes inactive and says so to its handlers, whereupon
/// the connection lets go of this.
struct DirectSocket {
  private let handle: NIOBSDSocket.Handle
  private let channel: any Channel
  /// Bytes may still wait in the channel: at first the handshake's.
  private var channelMayHoldBytes = true

  /// Nil where frames have to go through the pipeline.
  init?(_ context: ChannelHandlerContext) {
    let pipeline = context.pipeline.syncOperations
    guard (try? pipeline.context(handlerType: NIOSSLServerHandler.self)) == nil,
      (try? pipeline.context(handlerType: NIOSSLClientHandler.self)) == nil,
      let handle = try? pipeline.withUnsafeTransportIfAvailable(
        of: NIOBSDSocket.Handle.self, { $0 })
    else { return nil }
    self.handle = handle
    channel = context.channel
  }

  /// Sends what the kernel takes at once and returns how many bytes that were. May be called at any
  /// time, even while the channel is being closed.
  mutating func send(_ bytes: ByteBuffer) -> Int {
    channel.isActive ? sendBetweenTasks(bytes) : 0
  }

  /// The same for where nothing else is going on in the loop, so that no channel is just being closed:
  /// then it need not be asked. Of thousands of channels none is in the processor's cache.
  @inline(__always)
  mutating func sendBetweenTasks(_ bytes: ByteBuffer) -> Int {
    guard !channelMayHoldBytes || channelIsEmpty() else { return 0 }
    let sent = bytes.withUnsafeReadableBytes {
      Glibc.send(
        handle, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
    }
    // An error is the channel's to find, and to report as it does.
    return max(0, sent)
  }

  @inline(never)
  private mutating func channelIsEmpty() -> Bool {
    let held = try? channel.syncOptions?.getOption(.bufferedWritableBytes)
    channelMayHoldBytes = held != 0
    return !channelMayHoldBytes
  }

  /// The rest goes through the channel.
  mutating func channelTakesOver() {
    channelMayHoldBytes = true
  }
}
