import BenchmarkSupport
import Glibc
import Synchronization

/// One device with all metrics, ten packs a second.
struct Device {
  private let socket: Int32

  init(port: Int) throws {
    socket = try Loopback.webSocket(
      to: port, path: "/v1/device?device=bench", subprotocol: "hawser.device.v1")
    Loopback.send(
      ClientFrame.text(
        #"{"jsonrpc":"2.0","id":"1","method":"hello","params":{"agent":{"name":"live-bench","version":"1"},"epoch":"e","boot":"b"}}"#
      ), to: socket)
    // Telemetry before the answer to `hello` is against the protocol.
    var answer = [UInt8](repeating: 0, count: 4_096)
    let count = recv(socket, &answer, answer.count, 0)
    guard count > 0, answer[0] & 0x0F == 1 else {
      throw BenchmarkError("the broker does not answer `hello`")
    }
  }

  final class Feeding: Sendable {
    private let isOver = Atomic<Bool>(false)

    func stop() { isOver.store(true, ordering: .relaxed) }

    var goesOn: Bool { !isOver.load(ordering: .relaxed) }
  }

  /// Reports from now on, on a thread of its own.
  func start() -> Feeding {
    let feeding = Feeding()
    let socket = socket
    Threads.start {
      var ignored = [UInt8](repeating: 0, count: 65_536)
      var sequence = 0
      while feeding.goesOn {
        // 50 ms into each tenth of a second, so that the last pack of a second is there in time.
        let now = wallClock()
        usleep(UInt32((((now * 10).rounded(.down) + 1.5) / 10 - now) * 1e6))
        sequence += 1
        let time = wallClock()
        let records = (0..<LiveBenchmark.metrics).map {
          #"{"n":"metric.\#($0)","u":"Cel","v":\#(20 + Double((sequence * 7 + $0 * 3) % 100) / 10)}"#
        }
        let pack = #"[{"bt":\#(time)},\#(records.joined(separator: ","))]"#
        Loopback.send(
          ClientFrame.text(
            #"{"jsonrpc":"2.0","method":"telemetry","params":{"seq":\#(sequence),"lane":"live","pack":\#(pack)}}"#
          ), to: socket)
        while recv(socket, &ignored, ignored.count, Int32(MSG_DONTWAIT)) > 0 {}
      }
      close(socket)
    }
    return feeding
  }
}

enum Threads {
  /// Runs something on a new thread.
  static func start(_ body: @escaping @Sendable () -> Void) {
    final class Box {
      let body: @Sendable () -> Void
      init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var thread = pthread_t()
    let box = Unmanaged.passRetained(Box(body))
    pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body()
        return nil
      }, box.toOpaque())
    pthread_detach(thread)
  }
}
