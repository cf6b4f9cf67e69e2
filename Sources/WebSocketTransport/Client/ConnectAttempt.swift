import Glibc
import NIOCore
import NIOPosix

/// One client's way to a server: looking the name up, TCP, the proxy's tunnel, TLS, and for a
/// WebSocket the upgrade.
enum ConnectAttempt {
  /// Sets out, on the loop. What came of it is told by the goal's promise.
  ///
  /// - Parameters:
  ///   - plan: where to, and how.
  ///   - goal: what is wanted.
  ///   - eventLoop: the loop that this is called on.
  /// - Returns: the deadline, to be cancelled once the promise is fulfilled.
  static func start(
    _ plan: ConnectPlan, _ goal: ConnectGoal, on eventLoop: any EventLoop
  ) -> Scheduled<Void> {
    let resources = LoopResources.of(eventLoop)
    let handler = ClientHandshakeHandler(plan: plan, resources: resources, goal: goal)
    let bound = NIOLoopBound((handler: handler, resources: resources), eventLoop: eventLoop)
    let timeout = plan.shared.configuration.handshakeTimeout

    let channel = ClientBootstrap(group: eventLoop)
      .connectTimeout(timeout)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.readIntoSharedBuffer(of: bound.value.resources)
          try channel.setBackstops()
        }
      }
      .connect(host: plan.proxy?.host ?? plan.url.host, port: plan.proxy?.port ?? plan.url.port)
    let deadline = eventLoop.scheduleTask(in: timeout) {
      let handler = bound.value.handler
      handler.fail(.timedOut(handler.step))
      channel.whenSuccess { $0.close(promise: nil) }
    }
    // One of several addresses tried wins, so the handler is added to that one's channel only then.
    channel.assumeIsolated().whenComplete { result in
      switch result {
      case .success(let channel):
        do {
          try channel.pipeline.syncOperations.addHandler(handler)
          handler.begin()
        } catch {
          handler.fail(.dropped(.connect))
          channel.close(promise: nil)
        }
      case .failure(let error):
        handler.fail(ConnectPlan.failure(error, toProxy: plan.proxy != nil))
      }
    }
    return deadline
  }
}

extension Channel {
  /// Has the kernel end a connection whose bytes nobody acknowledges for 30 s, or whose other end has
  /// gone without a word. Backstops alone: a proxy acknowledges for a peer that is dead.
  fileprivate func setBackstops() throws {
    guard let options = syncOptions else { return }
    let values: [(NIOBSDSocket.OptionLevel, CInt, SocketOptionValue)] = [
      (.socket, SO_KEEPALIVE, 1), (.tcp, TCP_KEEPIDLE, 60), (.tcp, TCP_KEEPINTVL, 10),
      (.tcp, TCP_KEEPCNT, 3), (.tcp, TCP_USER_TIMEOUT, 30_000),
    ]
    for (level, name, value) in values {
      let option = ChannelOptions.Types.SocketOption(level: level, name: .init(rawValue: name))
      try options.setOption(option, value: value)
    }
  }
}
