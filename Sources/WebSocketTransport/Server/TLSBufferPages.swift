import Glibc
import NIOCore

// A TLS connection's buffers are NIOSSL's, made in full size when it begins: 32 KB for what is read and
// 16 KB for what is written, of which telemetry uses the first few hundred bytes. The rest would cost
// nothing had the allocator not had that memory in use before; so its pages are given back to the
// kernel, once, when the buffers are first seen. An idle connection is 23 KB so, and 31 to 36 KB otherwise.

extension ByteBuffer {
  /// Gives the kernel back the memory behind what is written, which holds nothing, in whole pages. The
  /// capacity stays; what is written there later finds fresh pages.
  func releaseUnusedPages() {
    let page = UInt(sysconf(Int32(_SC_PAGESIZE)))
    withVeryUnsafeBytes { storage in
      guard page > 0, let start = storage.baseAddress else { return }
      let used = UInt(bitPattern: start) + UInt(writerIndex)
      let first = (used + page - 1) / page * page
      let end = (UInt(bitPattern: start) + UInt(storage.count)) / page * page
      guard first < end, let pages = UnsafeMutableRawPointer(bitPattern: first) else { return }
      madvise(pages, Int(end - first), MADV_DONTNEED)
    }
  }
}

/// Stands between TLS and what it decrypts for until the first of it comes.
final class FirstPlaintextHandler: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    unwrapInboundIn(data).releaseUnusedPages()
    context.fireChannelRead(data)
    context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
  }
}

/// Stands between TLS and the socket until the first flight of its handshake is out.
final class FirstFlightHandler: ChannelOutboundHandler, RemovableChannelHandler {
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer
  private var isWritten = false

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    unwrapOutboundIn(data).releaseUnusedPages()
    isWritten = true
    context.write(data, promise: promise)
  }

  func flush(context: ChannelHandlerContext) {
    context.flush()
    // Not before: `writeAndFlush` flushes through whom it wrote to.
    guard isWritten else { return }
    context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
  }
}
