import Glibc
import Synchronization

/// The files of a spool on disk. Tests stand in for it to cut the power at any byte.
package protocol SpoolFolder: AnyObject, Sendable {
  /// Names of the files, sorted.
  func names() throws(SpoolFailure) -> [String]
  /// A part of a file; shorter where the file ends.
  func read(_ name: String, from offset: Int, count: Int) throws(SpoolFailure) -> [UInt8]
  /// Writes behind the end of a file, which is made where it is missing. Not durable before `sync`.
  func append(_ bytes: [UInt8], to name: String) throws(SpoolFailure)
  /// Makes a file's content and its name durable.
  func sync(_ name: String) throws(SpoolFailure)
  /// Cuts a file to so many bytes.
  func truncate(_ name: String, to count: Int) throws(SpoolFailure)
  /// Deletes a file.
  func remove(_ name: String) throws(SpoolFailure)
  /// Bytes that unprivileged programs may still write to this disk.
  func freeBytes() throws(SpoolFailure) -> Int
}

/// A folder of the file system. Used from one thread.
package final class DiskSpoolFolder: SpoolFolder {
  private let path: String
  private let lock: Int32
  /// Files that were appended to, and whether a name came or went since the folder was synced: each
  /// time costs a page of flash.
  private let entries = Mutex((known: Set<String>(), haveChanged: true))

  /// Makes the folder and those above it where they are missing, for this user only, and keeps
  /// other processes out of it.
  package init(_ path: String) throws(SpoolFailure) {
    self.path = path
    var made = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
      made += made.isEmpty || made.hasSuffix("/") ? "\(part)" : "/\(part)"
      guard mkdir(made, 0o700) == 0 || errno == EEXIST else {
        throw SpoolFailure("cannot make \(made): \(String(cString: strerror(errno)))")
      }
    }
    lock = open("\(path)/.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard lock >= 0 else {
      throw SpoolFailure("cannot write in \(path): \(String(cString: strerror(errno)))")
    }
    guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
      close(lock)
      throw SpoolFailure("another process uses \(path)")
    }
  }

  deinit { close(lock) }

  /// Names of the folder's files, sorted.
  package func names() throws(SpoolFailure) -> [String] {
    guard let folder = opendir(path) else { throw failure("cannot list") }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted()
  }

  /// A part of a file.
  package func read(
    _ name: String, from offset: Int, count: Int
  ) throws(SpoolFailure) -> [UInt8] {
    let file = try File("\(path)/\(name)", O_RDONLY)
    var bytes = [UInt8](repeating: 0, count: min(count, max(try file.size() - offset, 0)))
    var done = 0
    while done < bytes.count {
      let got = bytes.withUnsafeMutableBytes { buffer in
        pread(
          file.descriptor, buffer.baseAddress?.advanced(by: done), buffer.count - done,
          off_t(offset + done))
      }
      if got < 0 && errno == EINTR { continue }
      guard got >= 0 else { throw failure("cannot read \(name) in") }
      if got == 0 { break }
      done += got
    }
    bytes.removeLast(bytes.count - done)
    return bytes
  }

  /// Writes behind a file's end.
  package func append(_ bytes: [UInt8], to name: String) throws(SpoolFailure) {
    let file = try File("\(path)/\(name)", O_WRONLY | O_CREAT | O_APPEND)
    entries.withLock { entries in
      if entries.known.insert(name).inserted { entries.haveChanged = true }
    }
    var done = 0
    while done < bytes.count {
      let put = bytes.withUnsafeBytes { buffer in
        write(file.descriptor, buffer.baseAddress?.advanced(by: done), buffer.count - done)
      }
      if put < 0 && errno == EINTR { continue }
      guard put > 0 else { throw failure("cannot write \(name) in") }
      done += put
    }
  }

  /// Makes a file's content and its name durable.
  package func sync(_ name: String) throws(SpoolFailure) {
    let file = try File("\(path)/\(name)", O_WRONLY)
    guard fdatasync(file.descriptor) == 0 else { throw failure("cannot sync \(name) in") }
    guard entries.withLock({ $0.haveChanged }) else { return }
    let folder = try File(path, O_RDONLY | O_DIRECTORY)
    guard fsync(folder.descriptor) == 0 else { throw failure("cannot sync") }
    entries.withLock { $0.haveChanged = false }
  }

  /// Cuts a file.
  package func truncate(_ name: String, to count: Int) throws(SpoolFailure) {
    guard Glibc.truncate("\(path)/\(name)", off_t(count)) == 0 else {
      throw failure("cannot truncate \(name) in")
    }
  }

  /// Deletes a file.
  package func remove(_ name: String) throws(SpoolFailure) {
    entries.withLock { entries in
      entries.known.remove(name)
      entries.haveChanged = true
    }
    guard unlink("\(path)/\(name)") == 0 else { throw failure("cannot delete \(name) in") }
  }

  /// Free bytes of the file system that the folder is on.
  package func freeBytes() throws(SpoolFailure) -> Int {
    var status = statvfs()
    guard statvfs(path, &status) == 0 else { throw failure("cannot stat") }
    return Int(clamping: UInt64(status.f_bavail) * UInt64(status.f_frsize))
  }

  private func failure(_ what: String) -> SpoolFailure {
    SpoolFailure("\(what) \(path): \(String(cString: strerror(errno)))")
  }

  /// An open file; opened for each use, because the spool touches its files seldom.
  private struct File: ~Copyable {
    let descriptor: Int32

    init(_ path: String, _ flags: Int32) throws(SpoolFailure) {
      descriptor = open(path, flags | O_CLOEXEC, 0o600)
      guard descriptor >= 0 else {
        throw SpoolFailure("cannot open \(path): \(String(cString: strerror(errno)))")
      }
    }

    deinit { close(descriptor) }

    func size() throws(SpoolFailure) -> Int {
      var status = stat()
      guard fstat(descriptor, &status) == 0 else {
        throw SpoolFailure("cannot stat: \(String(cString: strerror(errno)))")
      }
      return Int(status.st_size)
    }
  }
}
