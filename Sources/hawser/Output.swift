import Glibc

/// Lines that other programs wait for: written at once, past any buffer.
enum Output {
  /// Writes a line whole to standard output, or to another descriptor.
  static func line(_ text: String, to descriptor: Int32 = STDOUT_FILENO) {
    self.text("\(text)\n", to: descriptor)
  }

  /// Writes text whole, without a line's end.
  static func text(_ text: String, to descriptor: Int32 = STDOUT_FILENO) {
    let bytes = Array(text.utf8)
    var rest = bytes[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      if written < 0, errno == EINTR { continue }
      if written < 0, errno == EAGAIN {
        var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        poll(&ready, 1, -1)
        continue
      }
      // Nobody reads any more (`| head`): as the signal would have it that somebody has switched off.
      if written < 0, errno == EPIPE, descriptor == STDOUT_FILENO { _exit(128 + SIGPIPE) }
      guard written > 0 else { return }
      rest = rest.dropFirst(written)
    }
  }
}
