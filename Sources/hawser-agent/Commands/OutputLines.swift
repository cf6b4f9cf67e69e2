import CLinux
import Glibc

/// Digital outputs by the names of their GPIO lines. A line that was set is held until the agent
/// ends: the kernel gives it up with the last descriptor, and its driver may then let it go back.
final class OutputLines {
  private var held: [String: Int32] = [:]
  private let folder: String

  /// - Parameter folder: where the kernel's chips are.
  init(folder: String = "/dev") {
    self.folder = folder
  }

  deinit { for descriptor in held.values { close(descriptor) } }

  /// Why a line cannot be set.
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  func set(_ line: String, to value: Bool) throws(Failure) {
    if let descriptor = held[line] {
      guard hawser_gpio_set(descriptor, value ? 1 : 0) == 0 else { throw failure(line, errno) }
      return
    }
    var reason: Int32 = 0
    for chip in chips() {
      let descriptor = open("\(folder)/\(chip)", O_RDWR | O_CLOEXEC)
      guard descriptor >= 0 else {
        reason = errno
        continue
      }
      defer { close(descriptor) }
      let offset = hawser_gpio_find(descriptor, line)
      guard offset >= 0 else {
        if errno != 0 { reason = errno }
        continue
      }
      let taken = hawser_gpio_take(descriptor, UInt32(offset), value ? 1 : 0)
      guard taken >= 0 else { throw failure(line, errno) }
      held[line] = taken
      return
    }
    throw reason == 0
      ? Failure(description: "this machine has no GPIO line \(line)") : failure(line, reason)
  }

  private func chips() -> [String] {
    guard let entries = opendir(folder) else { return [] }
    defer { closedir(entries) }
    var names: [String] = []
    while let entry = readdir(entries) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name.hasPrefix("gpiochip") { names.append(name) }
    }
    return names.sorted()
  }

  private func failure(_ line: String, _ error: Int32) -> Failure {
    Failure(description: "cannot set the GPIO line \(line): \(String(cString: strerror(error)))")
  }
}
