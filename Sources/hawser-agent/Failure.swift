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

  /// A file or folder cannot be made or opened: EX_CANTCREAT.
  static func cannotCreate(_ text: String) -> ExitCode {
    say(text)
    return ExitCode(EX_CANTCREAT)
  }

  private static func say(_ text: String) {
    for line in text.split(separator: "\n") {
      let bytes = Array("hawser-agent: \(line)\n".utf8)
      _ = bytes.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
  }
}
