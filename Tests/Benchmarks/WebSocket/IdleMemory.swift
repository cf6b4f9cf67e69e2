import BenchmarkSupport
import Foundation
import Glibc
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import WebSocketTransport

/// What a connection costs in resident memory once it has exchanged compressed messages with takeover
/// both ways and is idle. The server is a process of its own, and is asked by its standard input.
enum IdleMemory {
  static let messages = 200

  // MARK: The server's process

  /// Echoes; prints its port, then its resident KB for each line of input.
  static func serve(kind: String, certificate: (chain: String, key: String)?) throws {
    let server: BenchmarkServer
    if kind == "textbook" {
      server = try .textbook(echo: true, received: {})
    } else {
      let tls = try certificate.map { try ServerTLS(certificateFile: $0.chain, keyFile: $0.key) }
      server = try .production(tls: tls, received: { $0.send(text: $1) })
    }
    print("\(server.port)")
    fflush(nil)
    while readLine() != nil {
      print("\(Measures.residentKB())")
      fflush(nil)
    }
  }

  // MARK: The clients' process

  static func run(
    kind: String, connections: Int, certificate: (chain: String, key: String)?
  ) throws {
    let server = Process()
    server.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    server.arguments =
      ["idle-server", kind] + (certificate.map { [$0.chain, $0.key] } ?? [])
    let (input, output) = (Pipe(), Pipe())
    server.standardInput = input
    server.standardOutput = output
    try server.run()
    defer { server.terminate() }
    let answer = {
      var line: [UInt8] = []
      while let byte = try output.fileHandleForReading.read(upToCount: 1)?.first, byte != 10 {
        line.append(byte)
      }
      guard let number = Int(String(decoding: line, as: UTF8.self)) else {
        throw BenchmarkError("the server's process said nothing")
      }
      return number
    }
    let residentKB = {
      try input.fileHandleForWriting.write(contentsOf: Data("\n".utf8))
      return try answer()
    }
    let scheme = certificate == nil ? "ws" : "wss"
    guard let url = WebSocketURL("\(scheme)://127.0.0.1:\(try answer())/") else { return }

    // The first ones fill pools, and close again.
    let first = try Swarm(url: url, kind: kind)
    try first.run(connections: 64, thenClose: true)
    usleep(500_000)
    let before = try residentKB()
    let swarm = try Swarm(url: url, kind: kind)
    try swarm.run(connections: connections, thenClose: false)
    usleep(1_500_000)
    let after = try residentKB()
    let each = Double(after - before) * 1024 / Double(connections)
    print(
      """
      idle, \(kind)\(certificate == nil ? "" : " with TLS"), \(connections) connections, \
      \(messages) messages each way: \(Int(each)) bytes a connection resident \
      (\(before) KB before, \(after) KB after); ratio sent \(Measures.text(swarm.ratio))
      """)
  }

  /// Clients that talk one after another and then stay.
  private final class Swarm: @unchecked Sendable {
    private let url: WebSocketURL
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let shared: SharedConfiguration
    private let trust: ClientTLS?
    // All of it is touched on the group's loop only, and read when that is idle.
    private var started = 0
    private var wanted = 0
    private var closes = false
    private var telemetry = Telemetry()
    private var plainBytes: UInt64 = 0
    private var wireBytes: UInt64 = 0
    private let finished = Atomic<Int>(0)

    init(url: WebSocketURL, kind: String) throws {
      self.url = url
      var webSocket = WebSocketConfiguration()
      // The textbook compresses with whole windows, so it is not asked for less.
      webSocket.compression?.offersPeerWindowBits = kind != "textbook"
      shared = SharedConfiguration(webSocket)
      var configuration = TLSConfiguration.makeClientConfiguration()
      configuration.certificateVerification = .none
      trust = url.isSecure ? try ClientTLS(configuration) : nil
    }

    var ratio: Double { Double(plainBytes) / Double(wireBytes) }

    func run(connections: Int, thenClose: Bool) throws {
      wanted = connections
      closes = thenClose
      let loop = group.next()
      loop.execute { for _ in 0..<min(50, connections) { self.startOne(loop) } }
      let clock = ContinuousClock()
      let deadline = clock.now + .seconds(240)
      while finished.load(ordering: .relaxed) < connections {
        guard clock.now < deadline else {
          throw BenchmarkError(
            "\(finished.load(ordering: .relaxed)) of \(connections) are ready")
        }
        usleep(10_000)
      }
    }

    private func startOne(_ loop: any EventLoop) {
      guard started < wanted else { return }
      started += 1
      WebSocketClient.connect(
        to: url, configuration: shared, tls: trust,
        delegate: Talk(next: { self.telemetry.next() }) { connection in
          self.plainBytes &+= connection.counters.messageBytesOut
          self.wireBytes &+= connection.counters.wireBytesOut
          if self.closes { connection.close() }
          self.finished.add(1, ordering: .relaxed)
          self.startOne(loop)
        }, on: loop
      ).assumeIsolated().whenFailure { print("no connection: \($0)") }
    }
  }

  private final class Talk: WebSocketDelegate {
    private var left = IdleMemory.messages
    private let next: () -> [UInt8]
    private let done: (WebSocketConnection) -> Void

    init(next: @escaping () -> [UInt8], done: @escaping (WebSocketConnection) -> Void) {
      self.next = next
      self.done = done
    }

    func webSocketOpened(_ connection: WebSocketConnection) { speak(connection) }
    func webSocket(_ connection: WebSocketConnection, receivedText text: ByteBuffer) {
      speak(connection)
    }
    func webSocket(_ connection: WebSocketConnection, receivedBinary binary: ByteBuffer) {}
    func webSocketClosed(_ connection: WebSocketConnection, _ end: WebSocketEnd) {}

    private func speak(_ connection: WebSocketConnection) {
      guard left > 0 else { return done(connection) }
      left -= 1
      connection.send(text: next())
    }
  }
}
