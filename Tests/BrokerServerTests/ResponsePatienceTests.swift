import NIOCore
import NIOPosix
import Testing

@testable import BrokerServer

/// Real sockets whose ends do not read: what waits is in the kernel's hands.
@Suite("Answers that are not read", .timeLimit(.minutes(1)))
struct ResponsePatienceTests {
  /// Sends more than the kernel takes, and tells when its connection closes.
  private final class Server: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    func channelActive(context: ChannelHandlerContext) {
      for _ in 0..<64 {
        let part = ByteBuffer(repeating: 7, count: 1 << 20)
        context.write(NIOAny(IOData.byteBuffer(part)), promise: nil)
      }
      context.flush()
    }
  }

  private func run(
    limit: Duration,
    _ body: (_ client: any Channel, _ served: EventLoopFuture<any Channel>) async throws -> Void
  ) async throws {
    let group = MultiThreadedEventLoopGroup.singleton
    let served = group.next().makePromise(of: (any Channel).self)
    let server = try await ServerBootstrap(group: group).childChannelInitializer { channel in
      channel.eventLoop.makeCompletedFuture {
        let patience = ResponsePatience(on: channel.eventLoop, limit: limit)
        try channel.pipeline.syncOperations.addHandler(patience)
        try channel.pipeline.syncOperations.addHandler(Server())
        served.succeed(channel)
      }
    }.bind(host: "127.0.0.1", port: 0).get()
    let port = server.localAddress?.port ?? 0
    let client = try await ClientBootstrap(group: group)
      .channelOption(.autoRead, value: false)
      .channelOption(.maxMessagesPerRead, value: 1)
      .channelOption(
        .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 256 << 10)
      )
      .connect(host: "127.0.0.1", port: port).get()
    do {
      try await body(client, served.futureResult)
    } catch {
      try? await client.close()
      try? await server.close()
      throw error
    }
    try? await client.close()
    try await server.close()
  }

  @Test("The connection of a client that takes nothing is closed")
  func stalled() async throws {
    try await run(limit: .milliseconds(300)) { _, served in
      // Returns when the server's end is closed: nobody else closes it.
      try await served.get().closeFuture.get()
    }
  }

  @Test("A client that takes a little now and then is never given up")
  func slow() async throws {
    try await run(limit: .seconds(1)) { client, served in
      let channel = try await served.get()
      // On the loop, so that a busy machine delays the reading no more than it does the limit.
      let reading = client.eventLoop.scheduleRepeatedTask(
        initialDelay: .zero, delay: .milliseconds(20)
      ) { _ in
        client.read()
      }
      try await Task.sleep(for: .seconds(3))
      #expect(channel.isActive)
      reading.cancel()
    }
  }
}
