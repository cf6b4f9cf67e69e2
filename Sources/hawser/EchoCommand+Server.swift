import ArgumentParser
import NIOCore
import NIOHTTP1
import NIOPosix
import WebSocketTransport

extension EchoCommand {
  /// Serves until the process is ended by a signal.
  func serve(at port: UInt16, _ shared: SharedConfiguration) async throws {
    let secrets: ServerTLS?
    do {
      secrets = try tls.flatMap { chain in
        try key.map { try ServerTLS(certificateFile: chain, keyFile: $0) }
      }
    } catch {
      throw Failure.unavailable("the certificate or key cannot be used: \(error)")
    }
    let listener: any Channel
    do {
      listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .serverChannelOption(.backlog, value: 1024)
        .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
        .childChannelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try secrets?.addHandler(to: channel)
            try channel.pipeline.syncOperations.addHandler(Self.firstRequest(shared))
          }
        }
        .bind(host: address, port: Int(port)).get()
    } catch {
      throw Failure.unavailable("cannot listen on \(address):\(port): \(error)")
    }
    let place = listener.localAddress?.port ?? Int(port)
    let host = address.contains(":") ? "[\(address)]" : address
    Output.announce("hawser: echoing at \(secrets == nil ? "ws" : "wss")://\(host):\(place)/")
    try await listener.closeFuture.get()
  }

  /// Every path is an endpoint; what is no handshake gets its HTTP error.
  private static func firstRequest(_ shared: SharedConfiguration) -> FirstRequestHandler {
    FirstRequestHandler(
      configuration: shared,
      decide: { _, channel in
        channel.eventLoop.makeSucceededFuture(
          .upgrade(WebSocketAcceptance { EchoDelegate(answersMessages: true) }))
      },
      // Only what is no HTTP comes here.
      installHTTP: { $0.close() })
  }
}

/// Sends each message back with its type, and reads no faster than the peer takes its echoes.
final class EchoDelegate: WebSocketDelegate {
  /// How a connection went, for whoever opened it.
  struct Outcome: Sendable {
    var firstText: String?
    var end: WebSocketEnd
  }

  private let answersMessages: Bool
  private let outcome: EventLoopPromise<Outcome>?
  private var firstText: String?

  /// `answersMessages` false only listens: the suite's control connections.
  init(answersMessages: Bool, outcome: EventLoopPromise<Outcome>? = nil) {
    self.answersMessages = answersMessages
    self.outcome = outcome
  }

  func webSocket(_ connection: WebSocketConnection, receivedText text: ByteBuffer) {
    guard answersMessages else {
      firstText = firstText ?? String(buffer: text)
      return
    }
    connection.send(text: text)
    waitForReader(connection)
  }

  func webSocket(_ connection: WebSocketConnection, receivedBinary binary: ByteBuffer) {
    guard answersMessages else { return }
    connection.send(binary: binary)
    waitForReader(connection)
  }

  private func waitForReader(_ connection: WebSocketConnection) {
    if !connection.isWritable { connection.pauseReading() }
  }

  func webSocketWritabilityChanged(_ connection: WebSocketConnection) {
    if connection.isWritable { connection.resumeReading() } else { connection.pauseReading() }
  }

  func webSocketClosed(_ connection: WebSocketConnection, _ end: WebSocketEnd) {
    outcome?.succeed(Outcome(firstText: firstText, end: end))
  }
}
