import BenchmarkSupport
import Glibc
import NIOCore
import Synchronization
import WebSocketTransport

/// What one message to 1,000 readers costs, beside a loop of `send` of the same bytes on sockets of
/// the same kind, on the same thread, in the same run.
enum FanOut {
  static let readers = 1_000
  static let ticks = 200

  static func run() throws {
    let hub = Hub()
    let server = try BenchmarkServer.production(
      received: { _, _ in }, opened: { hub.connections.append($0) })
    let sockets = try (0..<readers).map { _ in try Loopback.webSocket(to: server.port) }
    let pairs = try Loopback.pairs(readers)
    // A server's sockets are waited for all the time, which the acknowledgements of what it sends pay for.
    let waiting = try EpollSet(pairs.map(\.near))
    defer { withExtendedLifetime(waiting) {} }
    let textbook = try Textbook()
    for perTick in [1, 10] {
      let alone = try textbook.measure(perTick)
      try measure(server, hub, sockets, pairs, perTick, textbook: alone)
    }
    for socket in sockets { close(socket) }
    textbook.close()
    for pair in pairs {
      close(pair.near)
      close(pair.far)
    }
  }

  private static func measure(
    _ server: BenchmarkServer, _ hub: Hub, _ sockets: [Int32],
    _ pairs: [(near: Int32, far: Int32)], _ perTick: Int, textbook: Double
  ) throws {
    var telemetry = Telemetry(seed: 7)
    var buffer = [UInt8](repeating: 0, count: 64 * 1024)
    var (ours, bare, plain, wire) = (0.0, 0.0, 0, 0)
    for tick in 0..<ticks + ticks / 10 {
      let texts = (0..<perTick).map { _ in telemetry.next() }
      let begin = try server.loop.submit {
        let start = Measures.threadSeconds()
        for text in texts {
          let message = PreparedMessage(text: text)
          for connection in hub.connections { connection.send(message) }
        }
        return start
      }.wait()
      // The loop writes at the end of its tick, before this.
      let used = try server.loop.submit { Measures.threadSeconds() }.wait() - begin
      var bytes: [UInt8] = []
      for (index, socket) in sockets.enumerated() {
        let count = Loopback.drain(socket, into: &buffer)
        if index == 0 { bytes = Array(buffer.prefix(count)) }
      }
      let payload = bytes
      let sent = try server.loop.submit {
        let start = Measures.threadSeconds()
        payload.withUnsafeBytes { raw in
          for pair in pairs {
            _ = send(pair.near, raw.baseAddress, raw.count, Int32(MSG_NOSIGNAL))
          }
        }
        return Measures.threadSeconds() - start
      }.wait()
      for pair in pairs { Loopback.drain(pair.far, into: &buffer) }
      guard tick >= ticks / 10 else { continue }
      ours += used
      bare += sent
      plain += texts.reduce(0) { $0 + $1.count }
      wire += payload.count
    }
    let deliveries = Double(ticks * readers * perTick)
    print(
      """
      fan-out to \(readers), \(perTick) a tick: \(Measures.text(ours / deliveries * 1e6)) µs a \
      delivery; send alone \(Measures.text(bare / deliveries * 1e6)) µs: \
      \(Measures.text(ours / bare)) × that; textbook \(Measures.text(textbook)) µs; ratio without \
      history \(Measures.text(Double(plain) / Double(wire)))
      """)
  }

  /// The same messages, compressed and written for each reader by itself.
  private final class Textbook: @unchecked Sendable {
    // Touched on the loop only.
    private var connections: [(TextbookConnection, ChannelHandlerContext)] = []
    private var server: BenchmarkServer?
    private var sockets: [Int32] = []

    init() throws {
      let server = try BenchmarkServer.textbook(
        echo: false, opened: { self.connections.append(($0, $1)) })
      self.server = server
      sockets = try (0..<readers).map { _ in try Loopback.webSocket(to: server.port) }
    }

    /// µs a delivery; a tenth of the ticks, since each takes ten times as long.
    func measure(_ perTick: Int) throws -> Double {
      guard let server else { return 0 }
      var telemetry = Telemetry(seed: 7)
      var buffer = [UInt8](repeating: 0, count: 64 * 1024)
      var used = 0.0
      for _ in 0..<ticks / 10 {
        let texts = (0..<perTick).map { _ in ByteBuffer(bytes: telemetry.next()) }
        used += try server.loop.submit {
          let start = Measures.threadSeconds()
          for text in texts {
            for (connection, context) in self.connections { connection.send(text, context) }
          }
          return Measures.threadSeconds() - start
        }.wait()
        for socket in sockets { Loopback.drain(socket, into: &buffer) }
      }
      return used / Double(ticks / 10 * readers * perTick) * 1e6
    }

    func close() {
      for socket in sockets { Glibc.close(socket) }
    }
  }

  /// The loop's connections; touched on the loop only.
  private final class Hub: @unchecked Sendable {
    var connections: [WebSocketConnection] = []
  }
}
