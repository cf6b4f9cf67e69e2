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
    for line in text.split(separator: "\n") { Output.say(String(line)) }
  }
}
