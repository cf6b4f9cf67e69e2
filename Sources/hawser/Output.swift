import Glibc
import TelemetryModel

/// What commands write: at once, past any buffer, so that other programs can wait for a line.
enum Output {
  /// Writes a line of text for people to standard output; what a terminal might obey is taken out.
  static func line(_ text: String) { self.text(TerminalText.clean(text) + "\n") }

  /// Writes JSON in a line.
  static func json(_ value: JSONValue) { text(TerminalText.escaped(value.description) + "\n") }

  /// Says something on standard error, with the program's name before it.
  static func say(_ text: String) {
    _ = write("hawser: \(TerminalText.clean(text))\n", to: STDERR_FILENO)
  }

  /// Tells whoever started a server where it is; without a reader it serves all the same.
  static func announce(_ line: String) { _ = write("\(line)\n", to: STDOUT_FILENO) }

  /// Writes text as it is, all of it. Where nobody can read it any more there is no use in going on: the
  /// program ends, as by SIGPIPE where its reader has gone (which the networking library keeps from it),
  /// else with EX_IOERR and a word about it.
  static func text(_ text: String) {
    guard let problem = write(text, to: STDOUT_FILENO) else { return }
    if problem == EPIPE {
      signal(SIGPIPE, SIG_DFL)
      kill(getpid(), SIGPIPE)
    } else {
      say("the output cannot be written: \(String(cString: strerror(problem)))")
    }
    // A thread that waits for something must not hold it up.
    _exit(problem == EPIPE ? 128 + SIGPIPE : EX_IOERR)
  }

  /// The error, or nil.
  private static func write(_ text: String, to descriptor: Int32) -> Int32? {
    let bytes = Array(text.utf8)
    var rest = bytes[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if written >= 0 {
        rest = rest.dropFirst(written)
      } else if errno == EAGAIN {
        var wanted = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        poll(&wanted, 1, -1)
      } else if errno != EINTR {
        return errno
      }
    }
    return nil
  }
}
