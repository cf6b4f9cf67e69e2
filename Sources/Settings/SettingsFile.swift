import Glibc

/// A configuration file's path and bytes.
package struct SettingsFile: Sendable {
  /// The path as the person gave it; problems name it.
  package let path: String
  /// The file's whole content.
  package let bytes: [UInt8]

  /// The largest file that is read, 1 MiB: more is no configuration.
  package static let maxBytes = 1 << 20

  /// A file that is in memory already.
  package init(path: String, bytes: [UInt8]) {
    self.path = path
    self.bytes = bytes
  }

  /// Reads a file. Blocks; meant for the start of a program.
  /// - Throws: one problem that says why it cannot be read.
  package static func read(path: String) throws(SettingsErrors) -> SettingsFile {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw unreadable(path, String(cString: strerror(errno))) }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: maxBytes + 1)
    var count = 0
    while count < bytes.count {
      let got = bytes.withUnsafeMutableBytes { buffer in
        Glibc.read(descriptor, buffer.baseAddress?.advanced(by: count), buffer.count - count)
      }
      if got < 0 && errno == EINTR { continue }
      guard got >= 0 else { throw unreadable(path, String(cString: strerror(errno))) }
      if got == 0 { break }
      count += got
    }
    guard count <= maxBytes else { throw unreadable(path, "more than \(ByteSize.text(maxBytes))") }
    bytes.removeLast(bytes.count - count)
    return SettingsFile(path: path, bytes: bytes)
  }

  private static func unreadable(_ path: String, _ reason: String) -> SettingsErrors {
    SettingsErrors(problems: [
      SettingsProblem(
        source: .file(path: path, line: nil), key: nil, expected: "a readable file", found: reason)
    ])
  }
}

/// A value that a command-line option gives to a key.
package struct SettingsArgument: Sendable {
  /// The option as typed, `--listen`; problems name it.
  package let option: String
  /// The key's dotted name.
  package let key: String
  /// The value as typed.
  package let value: String

  /// An option that stands for one key.
  package init(_ option: String, key: String, value: String) {
    self.option = option
    self.key = key
    self.value = value
  }

  /// The general option `--set KEY=VALUE`, with which every key can be given; without `=` the
  /// value is empty, which the key then refuses or takes.
  package init(assignment: String) {
    let parts = assignment.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    self.init(
      "--set", key: String(parts.first ?? ""), value: parts.count > 1 ? String(parts[1]) : "")
  }
}
