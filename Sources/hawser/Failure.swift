import ArgumentParser
import Glibc
import Settings

/// How commands fail: words on standard error, and an exit code of sysexits(3).
enum Failure {
  /// The configuration is wrong: EX_CONFIG.
  static func configuration(_ errors: SettingsErrors) -> ExitCode {
    say(errors.description)
    return ExitCode(EX_CONFIG)
  }

  /// Something this needs is not available, now: EX_UNAVAILABLE.
  static func unavailable(_ text: String) -> ExitCode {
    say(text)
    return ExitCode(EX_UNAVAILABLE)
  }

  /// What was read is damaged: EX_DATAERR.
  static func damaged(_ text: String) -> ExitCode {
    say(text)
    return ExitCode(EX_DATAERR)
  }

  /// A file or folder cannot be made or opened: EX_CANTCREAT.
  static func cannotCreate(_ text: String) -> ExitCode {
    say(text)
    return ExitCode(EX_CANTCREAT)
  }

  /// A broker refuses what was asked: EX_USAGE.
  static func refused(_ text: String) -> ExitCode {
    say(text)
    return ExitCode(EX_USAGE)
  }

  /// What answers is no broker: EX_PROTOCOL.
  static func protocolError(_ text: String) -> ExitCode {
    say(text)
    return ExitCode(EX_PROTOCOL)
  }

  private static func say(_ text: String) {
    for line in text.split(separator: "\n") {
      Output.line("hawser: \(TextTable.clean(String(line)))", to: STDERR_FILENO)
    }
  }
}

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
