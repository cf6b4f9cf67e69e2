import Glibc

/// The broker's state folder: made where it is missing, for this user only, and held by one broker.
final class StateFolder: Sendable {
  /// Why a folder cannot be used, for the person who named it.
  struct Problem: Error, CustomStringConvertible {
    var description: String
  }

  let path: String
  private let lock: Int32

  /// Makes and locks the folder; the lock ends with this value, or with the process.
  init(_ path: String) throws(Problem) {
    self.path = path
    guard StateFolder.make(path) else {
      throw Problem(description: "cannot make \(path): \(String(cString: strerror(errno)))")
    }
    lock = open("\(path)/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard lock >= 0 else {
      throw Problem(description: "cannot write in \(path): \(String(cString: strerror(errno)))")
    }
    guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
      close(lock)
      throw Problem(description: "another broker uses \(path)")
    }
  }

  deinit {
    close(lock)
  }

  func file(_ name: String) -> String { "\(path)/\(name)" }

  /// Makes a folder and those above it.
  private static func make(_ path: String) -> Bool {
    var made = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
      made += made.isEmpty || made.hasSuffix("/") ? "\(part)" : "/\(part)"
      if mkdir(made, 0o700) != 0, errno != EEXIST { return false }
    }
    var status = stat()
    return stat(path, &status) == 0 && (status.st_mode & S_IFMT) == S_IFDIR
  }
}
