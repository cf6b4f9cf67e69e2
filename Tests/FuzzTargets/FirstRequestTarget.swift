import NIOCore
import NIOEmbedded
import NIOHTTP1
package import TestValues
import WebSocketTransport

/// The handler in front of the one port, fed in one piece and in many: it comes to the same decision,
/// passes every byte on exactly once where the connection is somebody else's, and answers at most once.
package struct FirstRequestTarget: FuzzTarget {
  package static let name = "first-request"
  private let loop = EmbeddedEventLoop()
  private let configuration: SharedConfiguration

  package init() throws {
    var configuration = WebSocketConfiguration()
    configuration.maxHeaderBytes = 1024
    self.configuration = SharedConfiguration(configuration)
  }

  package static func seeds() -> [[UInt8]] {
    RequestTarget.seeds() + [
      Array("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n".utf8),
      [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00],
    ]
  }

  package mutating func take(_ input: [UInt8], using generator: inout Seeded) throws {
    let whole = try outcome(of: [input[...]])
    let cut = try outcome(of: Mutator.pieces(of: input, using: &generator))
    guard whole.kind == cut.kind else {
      throw FuzzFinding("cutting changes \(whole.kind) to \(cut.kind)")
    }
    if whole.kind == .http && (whole.passedOn != input || cut.passedOn != input) {
      throw FuzzFinding("\(whole.passedOn.count) of \(input.count) bytes were passed on")
    }
    guard whole.status == cut.status else { throw FuzzFinding("cutting changes the answer") }
  }

  private struct Outcome {
    enum Kind { case waiting, http, answered }
    var kind = Kind.waiting
    var passedOn: [UInt8] = []
    /// The response's first line.
    var status = ""
  }

  private func outcome(of pieces: [ArraySlice<UInt8>]) throws -> Outcome {
    let channel = EmbeddedChannel(loop: loop)
    let handler = FirstRequestHandler(
      configuration: configuration,
      decide: { head, channel in
        let decision: UpgradeDecision =
          head.headers.contains(name: "Upgrade")
          ? .upgrade(WebSocketAcceptance { Silent() }) : .http
        return channel.eventLoop.makeSucceededFuture(decision)
      },
      installHTTP: { $0.eventLoop.makeSucceededVoidFuture() })
    try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    try channel.pipeline.syncOperations.addHandler(handler)
    for piece in pieces where channel.isActive {
      _ = try? channel.writeInbound(ByteBuffer(bytes: piece))
    }
    loop.run()
    var outcome = Outcome()
    var answer: [UInt8] = []
    while let sent = try? channel.readOutbound(as: ByteBuffer.self) {
      answer += Array(sent.readableBytesView)
    }
    if let end = answer.firstIndex(of: 0x0D) {
      outcome.kind = .answered
      outcome.status = String(decoding: answer[..<end], as: UTF8.self)
    }
    while let passed = try? channel.readInbound(as: ByteBuffer.self) {
      outcome.kind = .http
      outcome.passedOn += Array(passed.readableBytesView)
    }
    _ = try? channel.finish(acceptAlreadyClosed: true)
    loop.run()
    return outcome
  }

  private final class Silent: WebSocketDelegate {
    func webSocket(_ connection: WebSocketConnection, receivedText text: ByteBuffer) {}
    func webSocket(_ connection: WebSocketConnection, receivedBinary binary: ByteBuffer) {}
    func webSocketClosed(_ connection: WebSocketConnection, _ end: WebSocketEnd) {}
  }
}
