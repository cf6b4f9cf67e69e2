import NIOCore
import NIOPosix

/// Listens on a free port of 127.0.0.1 and does as told with each connection's first bytes.
struct ScriptedServer {
  enum Script: Sendable {
    /// Say this once a request's head has come.
    case answer(String)
    /// Close once a request's head has come.
    case hangUp
    /// Read and say nothing.
    case silent
    /// Be a forward proxy: tunnel to this port of 127.0.0.1, if these credentials came.
    case tunnel(toPort: Int, authorization: String?)
  }

  let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
  let channel: any Channel
  var port: Int { channel.localAddress?.port ?? 0 }

  init(_ script: Script) async throws {
    channel = try await ServerBootstrap(group: group)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(ScriptHandler(script))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
  }

  func stop() async throws {
    try await channel.close()
    try await group.shutdownGracefully()
  }
}

private final class ScriptHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let script: ScriptedServer.Script
  private var head = ""
  private var partner: (any Channel)?
  private var done = false

  init(_ script: ScriptedServer.Script) {
    self.script = script
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let bytes = unwrapInboundIn(data)
    if let partner {
      partner.writeAndFlush(bytes, promise: nil)
      return
    }
    head += String(buffer: bytes)
    guard !done, head.hasSuffix("\r\n\r\n") else { return }
    done = true
    switch script {
    case .answer(let text):
      context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
    case .hangUp: context.close(promise: nil)
    case .silent: break
    case .tunnel(let port, let authorization): tunnel(context, port, authorization)
    }
  }

  private func tunnel(_ context: ChannelHandlerContext, _ port: Int, _ authorization: String?) {
    if let authorization, !head.contains("Proxy-Authorization: \(authorization)\r\n") {
      let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
      context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: refusal)), promise: nil)
      return
    }
    let here = context.channel
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    ClientBootstrap(group: context.eventLoop)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(PassOnHandler(to: here))
        }
      }
      .connect(host: "127.0.0.1", port: port)
      .whenSuccess { channel in
        let (handler, context) = bound.value
        handler.partner = channel
        let answer = "HTTP/1.1 200 Connection established\r\n\r\n"
        context.writeAndFlush(handler.wrapOutboundOut(ByteBuffer(string: answer)), promise: nil)
      }
  }

  func channelInactive(context: ChannelHandlerContext) {
    partner?.close(promise: nil)
  }
}

private final class PassOnHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  private let partner: any Channel

  init(to partner: any Channel) {
    self.partner = partner
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    partner.writeAndFlush(unwrapInboundIn(data), promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    partner.close(promise: nil)
  }
}
