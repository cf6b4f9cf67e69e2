import BrokerCore
import NIOCore
import WebSocketTransport

/// Closes an HTTP connection whose client takes nothing at all of what waits for it, for
/// ``ReaderPatience/limit``; one that takes a little now and then is never given up. Loop-bound.
///
/// Stands next to the socket, so that it sees every byte of an answer go, whatever the answer is made of.
final class ResponsePatience: ChannelOutboundHandler, RemovableChannelHandler {
  typealias OutboundIn = IOData
  typealias OutboundOut = IOData

  private var writtenBytes: UInt64 = 0
  private var patience = ReaderPatience()
  private let limit: TimeAmount
  /// Held, because a loop's resources go with the last that holds them.
  private let resources: LoopResources
  private var context: ChannelHandlerContext?
  private lazy var timer = CallbackTimer { [weak self] _ in self?.look() }

  /// Call on the loop.
  init(on loop: any EventLoop, limit: Duration = ReaderPatience.limit) {
    self.limit = TimeAmount(limit)
    resources = LoopResources.of(loop)
  }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
    resources.wheel.cancel(timer)
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    writtenBytes &+= UInt64(unwrapOutboundIn(data).readableBytes)
    context.write(data, promise: promise)
  }

  func flush(context: ChannelHandlerContext) {
    context.flush()
    guard timer.deadline == nil, waitingBytes > 0 else { return }
    patience.begin(taken: takenBytes)
    waitOn(context)
  }

  /// What the kernel does not have yet.
  private var waitingBytes: Int {
    let option = try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)
    return option ?? 0
  }

  private var takenBytes: UInt64 { writtenBytes &- UInt64(waitingBytes) }

  private func waitOn(_ context: ChannelHandlerContext) {
    resources.wheel.set(timer, at: context.eventLoop.now + limit)
  }

  private func look() {
    guard let context else { return }
    guard waitingBytes > 0 else { return patience.end() }
    guard patience.isOver(taken: takenBytes) else { return waitOn(context) }
    context.close(promise: nil)
  }
}
