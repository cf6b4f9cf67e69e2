import BenchmarkSupport
import CEpoll
import Glibc
import Synchronization

/// What the kernel alone takes for the same: bytes sent to each of many sockets once a second, half a
/// second away from when the broker sends its own, so that both see the machine in the same state.
final class BareLoop: Sendable {
  private let near: [Int32]
  private let far: [Int32]
  private let isOver = SharedFlag()
  private let sends = Atomic<Int>(0)
  private let nanoseconds = Atomic<Int>(0)

  init(sockets: Int) throws {
    let pairs = try Loopback.pairs(sockets)
    near = pairs.map(\.near)
    far = pairs.map(\.far)
  }

  /// Sends messages of so many bytes from now on, on a thread of its own.
  func start(bytes count: Int) {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    Threads.start { [far, isOver] in BareLoop.read(far, isOver) }
    Threads.start { [self] in
      while true {
        let now = wallClock()
        usleep(UInt32(((now + 0.5).rounded(.down) + 0.5 - now) * 1e6) + 1)
        guard !isOver.isSet else { return }
        let before = threadSeconds()
        for socket in near {
          _ = bytes.withUnsafeBytes {
            send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
          }
        }
        nanoseconds.add(Int((threadSeconds() - before) * 1e9), ordering: .relaxed)
        sends.add(near.count, ordering: .relaxed)
      }
    }
  }

  /// Ends, and says how many seconds of CPU one `send` took.
  func stop() -> Double {
    isOver.set()
    sleep(1)
    for socket in near + far { close(socket) }
    return Double(nanoseconds.load(ordering: .relaxed)) / 1e9
      / Double(max(1, sends.load(ordering: .relaxed)))
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
