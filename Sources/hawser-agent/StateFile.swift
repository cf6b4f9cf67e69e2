import AgentCore
import Glibc

/// A small file that is replaced as a whole: after a crash there is the old or the new text, never a
/// mixture. Used from one thread.
struct StateFile {
  let path: String

  /// The text; nil where there is none or it cannot be read.
  func read() -> [UInt8]? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 256 * 1024)
    var count = 0
    while count < bytes.count {
      let got = bytes.withUnsafeMutableBytes { buffer in
        Glibc.read(file, buffer.baseAddress?.advanced(by: count), buffer.count - count)
      }
      if got < 0 && errno == EINTR { continue }
      guard got >= 0 else { return nil }
      if got == 0 { break }
      count += got
    }
    return Array(bytes.prefix(count))
  }

  /// Replaces the text, durably.
  func replace(with bytes: [UInt8]) throws(SpoolFailure) {
    let fresh = path + ".new"
    let file = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw failure("cannot open") }
    defer { close(file) }
    var done = 0
    while done < bytes.count {
      let put = bytes.withUnsafeBytes { buffer in
        write(file, buffer.baseAddress?.advanced(by: done), buffer.count - done)
      }
      if put < 0 && errno == EINTR { continue }
      guard put > 0 else { throw failure("cannot write") }
      done += put
    }
    guard fsync(file) == 0, rename(fresh, path) == 0 else { throw failure("cannot replace") }
    // A rename that a power cut undoes leaves the old text, which is as good.
  }

  private func failure(_ what: String) -> SpoolFailure {
    SpoolFailure("\(what) \(path): \(String(cString: strerror(errno)))")
  }
}
