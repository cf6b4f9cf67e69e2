import AgentCore
import Glibc

/// A small kernel file that is read again and again: opened once, read from its start into the
/// same buffer each time, so that a sample neither walks the path nor allocates.
final class ProcFile {
  let path: String
  private var descriptor: Int32 = -1
  private var buffer: [UInt8]

  /// The buffer begins with `capacity` bytes and grows until the whole file fits, unless
  /// `prefixOnly`: what lies behind is of no interest then (`/proc/stat`).
  init(_ path: String, capacity: Int = 4096, prefixOnly: Bool = false) {
    self.path = path
    self.prefixOnly = prefixOnly
    buffer = [UInt8](repeating: 0, count: capacity)
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
  }

  private let prefixOnly: Bool

  /// The file's content now. The scanner must be gone before the next read, else the buffer is
  /// copied.
  func read() throws(SensorFailure) -> TextScanner {
    if descriptor < 0 { try reopen() }
    var count = 0
    while true {
      let got = buffer.withUnsafeMutableBytes { bytes in
        pread(
          descriptor, bytes.baseAddress?.advanced(by: count), bytes.count - count, off_t(count))
      }
      if got < 0 {
        if errno == EINTR { continue }
        throw failure()
      }
      count += got
      if got == 0 || prefixOnly { break }
      if count == buffer.count {
        buffer.append(contentsOf: repeatElement(0, count: buffer.count))
      }
    }
    return TextScanner(bytes: buffer, count: count)
  }

  private func reopen() throws(SensorFailure) {
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure() }
  }

  /// The failure of the last call; the file is opened anew next time, since a device that was
  /// unplugged and came back is another file.
  private func failure() -> SensorFailure {
    let reason = String(cString: strerror(errno))
    if descriptor >= 0 { close(descriptor) }
    descriptor = -1
    return SensorFailure("\(path): \(reason)")
  }

  /// The whole of a file as text without the white space around it, read once; nil where it
  /// cannot be read. For names and labels.
  static func text(_ path: String) -> String? {
    guard var scanner = try? ProcFile(path, capacity: 256).read() else { return nil }
    return scanner.line()
  }
}

/// Folders of `/sys`.
enum Folder {
  /// Names in a folder, sorted; empty where it cannot be read.
  static func names(in path: String) -> [String] {
    guard let folder = opendir(path) else { return [] }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// Whether something is at this path (following links).
  static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }
}
