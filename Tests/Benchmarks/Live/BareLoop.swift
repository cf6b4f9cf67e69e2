import CEpoll
import Glibc
import Synchronization

/// What the kernel alone takes for the same: bytes sent to each of many sockets once a second.
struct BareLoop {
  private let near: [Int32]
  private let far: [Int32]
  private let bytes: [UInt8]

  init(sockets: Int, bytes: Int) throws {
    let (listener, port) = try Sockets.listen()
    defer { close(listener) }
    var near: [Int32] = []
    var far: [Int32] = []
    for _ in 0..<sockets {
      far.append(try Sockets.connect(to: port))
      let accepted = accept(listener, nil, nil)
      guard accepted >= 0 else { throw BenchmarkError(description: "no connection accepted") }
      Sockets.setNoDelay(accepted)
      near.append(accepted)
    }
    self.near = near
    self.far = far
    self.bytes = (0..<bytes).map { UInt8(truncatingIfNeeded: $0 &* 31) }
  }

  /// Seconds of CPU for one `send`, on average over the ticks.
  func run(ticks: Int) -> Double {
    let isOver = SharedFlag()
    let far = far
    Threads.start { BareLoop.read(far, isOver) }
    var seconds = 0.0
    for _ in 0..<ticks {
      let now = wallClock()
      usleep(UInt32((now.rounded(.down) + 1 - now) * 1e6) + 1)
      let before = threadSeconds()
      for socket in near {
        _ = bytes.withUnsafeBytes {
          send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
      }
      seconds += threadSeconds() - before
    }
    isOver.set()
    usleep(200_000)
    for socket in near + far { close(socket) }
    return seconds / Double(ticks * near.count)
  }

  private static func read(_ sockets: [Int32], _ isOver: SharedFlag) {
    let epoll = epoll_create1(0)
    defer { close(epoll) }
    for socket in sockets {
      var event = epoll_event()
      event.events = EPOLLIN.rawValue
      event.data.fd = socket
      epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event)
    }
    var events = [epoll_event](repeating: epoll_event(), count: 512)
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while !isOver.isSet {
      let ready = epoll_wait(epoll, &events, 512, 100)
      for index in 0..<Int(max(0, ready)) {
        _ = recv(events[index].data.fd, &buffer, buffer.count, Int32(MSG_DONTWAIT))
      }
    }
  }
}

/// Something that happens once.
final class SharedFlag: Sendable {
  private let flag = Atomic<Bool>(false)

  var isSet: Bool { flag.load(ordering: .relaxed) }

  func set() { flag.store(true, ordering: .relaxed) }
}
