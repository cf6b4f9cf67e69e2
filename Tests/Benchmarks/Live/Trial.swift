import BenchmarkSupport
import CEpoll
import Glibc

/// Readers of one broker, and what they cost it.
final class Trial {
  struct Result {
    var cpu: Double
    var messages: Int
    /// Bytes of a frame on average, with its head.
    var bytesEach: Int
    /// Beyond the end of the window, in seconds, ordered.
    var delays: [Double]
    var closed: Int

    private func delay(_ share: Double) -> String {
      guard !delays.isEmpty else { return "-" }
      let index = min(delays.count - 1, Int(Double(delays.count) * share))
      return LiveBenchmark.micro(delays[index] / 1e3)
    }

    var line: String {
      """
      \(messages) messages, \(LiveBenchmark.micro(cpu / 1e6)) s of CPU, delay beyond the window's end \
      p50 \(delay(0.5)) ms, p99 \(delay(0.99)) ms, \(closed) closed
      """
    }
  }

  private struct Stream {
    var bytes: [UInt8] = []
    var isStalled = false
  }

  private let broker: BrokerProcess
  private let readers: Int
  private let dashboards: Int
  private let stalled: Int
  private var sockets: [Int32] = []
  private var streams: [Int32: Stream] = [:]
  private let epoll = epoll_create1(0)

  init(broker: BrokerProcess, readers: Int, dashboards: Int, stalled: Int) throws {
    self.broker = broker
    self.readers = readers
    self.dashboards = dashboards
    self.stalled = stalled
  }

  func run(seconds: Int) throws -> Result {
    try open()
    defer { close() }
    sleep(2)
    return measure(seconds: seconds)
  }

  /// Has every reader subscribe. Dashboards differ in what they show of the same series.
  func open() throws {
    let functions = ["last", "mean", "min", "max", "count", "sum", "stddev", "first", "p50", "p99"]
    for number in 0..<readers {
      let socket = try Loopback.webSocket(
        to: broker.port, path: "/v1/live", subprotocol: "hawser.live.v1")
      let shown = functions[number % dashboards % functions.count]
      Loopback.send(
        ClientFrame.text(
          #"{"jsonrpc":"2.0","id":"1","method":"subscribe","params":{"query":{"devices":["bench"]},"resolution":"1s","functions":["\#(shown)"]}}"#
        ), to: socket)
      sockets.append(socket)
      streams[socket] = Stream(isStalled: number < stalled)
      guard number >= stalled else { continue }
      var event = epoll_event()
      event.events = EPOLLIN.rawValue
      event.data.fd = socket
      epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event)
    }
  }

  func close() {
    for socket in sockets { Glibc.close(socket) }
    Glibc.close(epoll)
  }

  /// Reads for so many seconds.
  func measure(seconds: Int) -> Result {
    drain(until: wallClock().rounded(.up) + 0.5)
    let before = broker.cpuSeconds()
    messages = 0
    bytes = 0
    delays.removeAll()
    drain(until: wallClock() + Double(seconds))
    return Result(
      cpu: broker.cpuSeconds() - before, messages: messages, bytesEach: bytes / max(1, messages),
      delays: delays.sorted(), closed: closed)
  }

  private var messages = 0
  private var bytes = 0
  private var delays: [Double] = []
  private var closed = 0

  private func drain(until end: Double) {
    var events = [epoll_event](repeating: epoll_event(), count: 512)
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let left = end - wallClock()
      guard left > 0 else { return }
      let ready = epoll_wait(epoll, &events, 512, Int32(left * 1_000) + 1)
      for index in 0..<Int(max(0, ready)) {
        let socket = events[index].data.fd
        let count = recv(socket, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        guard count > 0 else {
          if count == 0 {
            closed += 1
            epoll_ctl(epoll, EPOLL_CTL_DEL, socket, nil)
          }
          continue
        }
        take(buffer[..<count], socket, at: wallClock())
      }
    }
  }

  private func take(_ received: ArraySlice<UInt8>, _ socket: Int32, at now: Double) {
    var stream = streams.removeValue(forKey: socket) ?? Stream()
    stream.bytes += received
    while let (length, isData) = Trial.frame(stream.bytes) {
      let isPing = stream.bytes[0] & 0x0F == 9
      stream.bytes.removeFirst(length)
      if isPing { Loopback.send(ClientFrame.pong, to: socket) }
      guard isData else { continue }
      messages += 1
      bytes += length
      // Windows end with whole seconds.
      delays.append(now - now.rounded(.down))
    }
    streams[socket] = stream
  }

  /// The length of the first frame, if it is whole, and whether it is data.
  private static func frame(_ bytes: [UInt8]) -> (length: Int, isData: Bool)? {
    guard bytes.count >= 2 else { return nil }
    var head = 2
    var length = Int(bytes[1] & 0x7F)
    if length == 126 {
      guard bytes.count >= 4 else { return nil }
      length = Int(bytes[2]) << 8 | Int(bytes[3])
      head = 4
    } else if length == 127 {
      guard bytes.count >= 10 else { return nil }
      length = bytes[2..<10].reduce(0) { $0 << 8 | Int($1) }
      head = 10
    }
    guard bytes.count >= head + length else { return nil }
    return (head + length, bytes[0] & 0x0F < 8)
  }
}
