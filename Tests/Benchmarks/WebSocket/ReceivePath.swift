import BenchmarkSupport
import CZlib
import Glibc
import NIOCore
import NIOPosix
import Synchronization
import WebSocketTransport

/// What receiving one compressed message costs the loop's thread, beside what the kernel and zlib alone
/// cost for the same bytes in the same run.
enum ReceivePath {
  static let connections = 200
  static let rounds = 200

  static func run() throws {
    for perRead in [1, 10] {
      let wire = WireMessages(count: rounds * perRead)
      let bare = try bareKernel(wire, perRead)
      let inflate = inflateAlone(wire)
      let count = Atomic<Int>(0)
      let ours = try measure(
        BenchmarkServer.production(received: { _, _ in count.add(1, ordering: .relaxed) }),
        count, wire, perRead)
      let textbookCount = Atomic<Int>(0)
      let textbook = try measure(
        BenchmarkServer.textbook(
          echo: false, received: { textbookCount.add(1, ordering: .relaxed) }),
        textbookCount, wire, perRead)
      let floor = bare + inflate
      print(
        """
        receive, \(perRead) a read: \(Measures.text(ours)) µs a message; kernel \
        \(Measures.text(bare)) + inflate \(Measures.text(inflate)) = \(Measures.text(floor)) µs: \
        \(Measures.text(ours / floor)) × that; textbook \(Measures.text(textbook)) µs; ratio \
        \(Measures.text(Double(wire.plainBytes) / Double(wire.wireBytes)))
        """)
    }
  }

  /// Sends rounds to a server whose loop is held back meanwhile, so that each read finds `perRead`
  /// frames; µs of the loop's thread a message.
  private static func measure(
    _ server: BenchmarkServer, _ count: borrowing Atomic<Int>, _ wire: WireMessages, _ perRead: Int
  ) throws -> Double {
    let sockets = try (0..<connections).map { _ in try Loopback.webSocket(to: server.port) }
    defer { for socket in sockets { close(socket) } }
    var used = 0.0
    var expected = 0
    for round in 0..<rounds {
      let chunk = Array(wire.frames[round * perRead..<(round + 1) * perRead].joined())
      let gate = Gate()
      let begin = server.loop.submit {
        gate.wait()
        return Measures.threadSeconds()
      }
      // A loop that is not held back yet would read before it says when it began.
      gate.waitForWaiting()
      for socket in sockets { Loopback.send(chunk, to: socket) }
      gate.open()
      expected += connections * perRead
      let start = try begin.wait()
      while count.load(ordering: .relaxed) < expected { usleep(100) }
      let end = try server.loop.submit { Measures.threadSeconds() }.wait()
      // The first rounds fill windows and pools.
      if round >= rounds / 10 { used += end - start }
    }
    return used / Double((rounds - rounds / 10) * connections * perRead) * 1e6
  }

  /// epoll and recv of the same bytes into one buffer, nothing else: on a thread of its own and held
  /// back like a server's loop, since what another core has just sent costs more to receive.
  private static func bareKernel(_ wire: WireMessages, _ perRead: Int) throws -> Double {
    let pairs = try Loopback.pairs(connections)
    defer {
      for pair in pairs {
        close(pair.near)
        close(pair.far)
      }
    }
    let poll = try EpollSet(pairs.map(\.near))
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    defer { try? group.syncShutdownGracefully() }
    var used = 0.0
    for round in 0..<rounds {
      let chunk = Array(wire.frames[round * perRead..<(round + 1) * perRead].joined())
      let gate = Gate()
      let received = group.next().submit {
        gate.wait()
        let start = Measures.threadSeconds()
        poll.receive(chunk.count * connections)
        return Measures.threadSeconds() - start
      }
      gate.waitForWaiting()
      for pair in pairs { Loopback.send(chunk, to: pair.far) }
      gate.open()
      let seconds = try received.wait()
      if round >= rounds / 10 { used += seconds }
    }
    return used / Double((rounds - rounds / 10) * connections * perRead) * 1e6
  }

  /// An ordinary stream kept open, on payloads that are in the cache: zlib at its best.
  private static func inflateAlone(_ wire: WireMessages) -> Double {
    var stream = z_stream()
    hawser_inflate_init(&stream, 10)
    defer { inflateEnd(&stream) }
    var output = [UInt8](repeating: 0, count: 1024)
    var inputs = wire.payloads.map { $0 + [0, 0, 0xFF, 0xFF] }
    let repeats = max(1, 20_000 / inputs.count)
    let start = Measures.threadSeconds()
    for _ in 0..<repeats {
      inflateReset(&stream)
      for index in inputs.indices {
        inputs[index].withUnsafeMutableBufferPointer { source in
          output.withUnsafeMutableBufferPointer { target in
            stream.next_in = source.baseAddress
            stream.avail_in = UInt32(source.count)
            stream.next_out = target.baseAddress
            stream.avail_out = UInt32(target.count)
            _ = inflate(&stream, Z_SYNC_FLUSH)
          }
        }
      }
    }
    return (Measures.threadSeconds() - start) / Double(repeats * inputs.count) * 1e6
  }
}

/// Holds a thread back until it is opened.
final class Gate: Sendable {
  private let isOpen = Atomic<Bool>(false)
  private let hasWaiting = Atomic<Bool>(false)

  func open() { isOpen.store(true, ordering: .releasing) }

  /// Returns when a thread is held back.
  func waitForWaiting() {
    while !hasWaiting.load(ordering: .acquiring) { usleep(50) }
  }

  func wait() {
    hasWaiting.store(true, ordering: .releasing)
    while !isOpen.load(ordering: .acquiring) { usleep(50) }
  }
}
