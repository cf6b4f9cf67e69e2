import AgentCore
import Synchronization
import TestValues

/// An agent's disk. A killed process leaves everything it wrote; a power cut leaves what was synced
/// and, of each file's rest, a part.
final class Disk: SpoolFolder {
  private struct File {
    var bytes: [UInt8] = []
    var durable = 0
    var isNameDurable = false
  }

  private struct State {
    var files: [String: File] = [:]
    /// Files whose deletion a power cut may undo.
    var deleted: [String: File] = [:]
    /// Bytes until the power goes, in the middle of a write.
    var budget = Int.max
    var isOff = false
  }

  private let state = Mutex(State())

  /// Lets the power go after so many more bytes.
  func cutPower(after bytes: Int) {
    state.withLock { $0.budget = bytes }
  }

  /// Whether the power went.
  var isOff: Bool { state.withLock { $0.isOff } }

  /// What the next start finds.
  func restart(afterPowerCut: Bool, using random: inout Seeded) -> Disk {
    var (files, deleted) = state.withLock { ($0.files, $0.deleted) }
    if afterPowerCut || isOff {
      for name in files.keys.sorted() {
        guard var file = files[name], file.isNameDurable || Bool.random(using: &random) else {
          files[name] = nil
          continue
        }
        let count = file.bytes.count
        let kept = Int.random(in: file.durable...count, using: &random)
        file.bytes.removeLast(count - kept)
        files[name] = file
      }
      for name in deleted.keys.sorted() where Bool.random(using: &random) {
        files[name] = deleted[name]
      }
      deleted = [:]
      files = files.mapValues {
        File(bytes: $0.bytes, durable: $0.bytes.count, isNameDurable: true)
      }
    }
    let disk = Disk()
    disk.state.withLock {
      $0.files = files
      $0.deleted = deleted
    }
    return disk
  }

  func names() throws(SpoolFailure) -> [String] {
    try check()
    return state.withLock { $0.files.keys.sorted() }
  }

  func read(_ name: String, from offset: Int, count: Int) throws(SpoolFailure) -> [UInt8] {
    try check()
    guard let file = state.withLock({ $0.files[name] }) else { throw SpoolFailure("no \(name)") }
    return Array(file.bytes.dropFirst(offset).prefix(count))
  }

  func append(_ bytes: [UInt8], to name: String) throws(SpoolFailure) {
    try check()
    state.withLock { state in
      let fits = min(bytes.count, state.budget)
      state.files[name, default: File()].bytes += bytes.prefix(fits)
      if state.budget != .max { state.budget -= fits }
      if fits < bytes.count { state.isOff = true }
    }
    try check()
  }

  func sync(_ name: String) throws(SpoolFailure) {
    try check()
    state.withLock { state in
      let count = state.files[name]?.bytes.count ?? 0
      state.files[name]?.durable = count
      state.files[name]?.isNameDurable = true
      state.deleted = [:]
    }
  }

  func truncate(_ name: String, to count: Int) throws(SpoolFailure) {
    try check()
    state.withLock { state in
      guard var file = state.files[name] else { return }
      file.bytes.removeLast(max(file.bytes.count - count, 0))
      file.durable = min(file.durable, count)
      state.files[name] = file
    }
  }

  func remove(_ name: String) throws(SpoolFailure) {
    try check()
    state.withLock { state in
      if let file = state.files.removeValue(forKey: name), file.isNameDurable {
        state.deleted[name] = file
      }
    }
  }

  func freeBytes() throws(SpoolFailure) -> Int {
    try check()
    return 1 << 30
  }

  private func check() throws(SpoolFailure) {
    if isOff { throw SpoolFailure("no power") }
  }
}
