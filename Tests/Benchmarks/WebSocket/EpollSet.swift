import BenchmarkSupport
import CEpoll
import Glibc

/// Sockets waited for together, as every server has them. Closed when it is let go.
final class EpollSet: Sendable {
  private let descriptor: Int32

  /// Waits for readability and for the other side's end, level-triggered, as NIO does.
  init(_ sockets: [Int32]) throws {
    descriptor = epoll_create1(0)
    guard descriptor >= 0 else { throw BenchmarkError("no epoll") }
    for socket in sockets {
      var event = epoll_event()
      event.events = EPOLLIN.rawValue | EPOLLRDHUP.rawValue
      event.data.fd = socket
      epoll_ctl(descriptor, EPOLL_CTL_ADD, socket, &event)
    }
  }

  deinit { close(descriptor) }

  /// Reads from whichever socket has something until so many bytes are there in all.
  func receive(_ bytes: Int) {
    var events = [epoll_event](repeating: epoll_event(), count: 512)
    var buffer = [UInt8](repeating: 0, count: 64 * 1024)
    var left = bytes
    while left > 0 {
      let ready = epoll_wait(descriptor, &events, 512, 1000)
      for index in 0..<Int(max(0, ready)) {
        left -= max(0, recv(events[index].data.fd, &buffer, buffer.count, 0))
      }
    }
  }
}
