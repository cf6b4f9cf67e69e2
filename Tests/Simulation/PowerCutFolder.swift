package import AgentCore
import Synchronization
package import TestValues

/// A device's folder in memory, whose power can be cut after any number of written bytes.
///
/// A killed process leaves everything it wrote. After a power cut there is what was synced and, of each
/// file's rest, a random part; deletions that were not synced are perhaps undone.
package final class PowerCutFolder: SpoolFolder {
  private struct File {
    var bytes: [UInt8] = []
    /// Bytes that a power cut cannot take.
    var durable = 0
    var isNameDurable = false
  }

  private struct State {
    var files: [String: File] = [:]
    /// Deleted files whose deletion is not durable.
    var deleted: [String: File] = [:]
    /// Bytes until the power goes, in the middle of a write; negative once it has.
    var budget: Int
    var writtenBytes = 0
    var syncs = 0
    var capacity = Int.max
  }

  private let state: Mutex<State>

  /// A folder with durable files.
  package init(_ files: [String: [UInt8]] = [:], cutAfter budget: Int = .max) {
    let durable = files.mapValues {
      File(bytes: $0, durable: $0.count, isNameDurable: true)
    }
    state = Mutex(State(files: durable, budget: budget))
  }

  private init(_ state: State) {
    self.state = Mutex(state)
  }

  // MARK: What happens to it

  /// Lets the power go after so many more bytes.
  package func cutPower(after bytes: Int) { state.withLock { $0.budget = bytes } }

  /// The disk refuses everything, or takes it again.
  package func setBroken(_ isBroken: Bool) { state.withLock { $0.budget = isBroken ? -1 : .max } }

  /// How large the disk is; written files count, nothing else does.
  package var capacity: Int {
    get { state.withLock { $0.capacity } }
    set { state.withLock { $0.capacity = newValue } }
  }

  /// What is on the disk when the power is back.
  package func survivors(using random: inout Seeded) -> [String: [UInt8]] {
    var left: [String: [UInt8]] = [:]
    let (files, deleted) = state.withLock { ($0.files, $0.deleted) }
    for (name, file) in files.sorted(by: { $0.key < $1.key }) {
      guard file.isNameDurable || Bool.random(using: &random) else { continue }
      let kept = Int.random(in: file.durable...file.bytes.count, using: &random)
      left[name] = Array(file.bytes.prefix(kept))
    }
    for (name, file) in deleted.sorted(by: { $0.key < $1.key })
    where Bool.random(using: &random) {
      left[name] = file.bytes
    }
    return left
  }

  /// What the next start of the program finds.
  package func restart(
    afterPowerCut: Bool, using random: inout Seeded
  ) -> PowerCutFolder {
    if afterPowerCut || isCut { return PowerCutFolder(survivors(using: &random)) }
    var state = state.withLock { $0 }
    state.budget = .max
    return PowerCutFolder(state)
  }

  // MARK: What is known of it

  /// Bytes that were written, durable or not.
  package var writtenBytes: Int { state.withLock { $0.writtenBytes } }
  /// How often something was made durable.
  package var syncs: Int { state.withLock { $0.syncs } }
  /// Whether the power went.
  package var isCut: Bool { state.withLock { $0.budget < 0 } }
  /// The files as a program sees them.
  package var contents: [String: [UInt8]] { state.withLock { $0.files.mapValues(\.bytes) } }

  // MARK: SpoolFolder

  package func names() throws(SpoolFailure) -> [String] {
    try check()
    return state.withLock { $0.files.keys.sorted() }
  }

  package func read(
    _ name: String, from offset: Int, count: Int
  ) throws(SpoolFailure) -> [UInt8] {
    try check()
    guard let file = state.withLock({ $0.files[name] }) else { throw SpoolFailure("no \(name)") }
    return Array(file.bytes.dropFirst(offset).prefix(count))
  }

  package func append(_ bytes: [UInt8], to name: String) throws(SpoolFailure) {
    try check()
    state.withLock { state in
      let fits = min(bytes.count, state.budget)
      state.files[name, default: File()].bytes += bytes.prefix(fits)
      state.writtenBytes += fits
      state.budget -= bytes.count
    }
    try check()
  }

  package func sync(_ name: String) throws(SpoolFailure) {
    try check()
    state.withLock { state in
      let count = state.files[name]?.bytes.count ?? 0
      state.files[name]?.durable = count
      state.files[name]?.isNameDurable = true
      state.deleted = [:]
      state.syncs += 1
    }
  }

  package func truncate(_ name: String, to count: Int) throws(SpoolFailure) {
    try check()
    state.withLock { state in
      guard var file = state.files[name] else { return }
      file.bytes.removeLast(max(file.bytes.count - count, 0))
      file.durable = min(file.durable, count)
      state.files[name] = file
    }
  }

  package func remove(_ name: String) throws(SpoolFailure) {
    try check()
    state.withLock { state in
      if let file = state.files.removeValue(forKey: name), file.isNameDurable {
        state.deleted[name] = file
      }
    }
  }

  package func freeBytes() throws(SpoolFailure) -> Int {
    try check()
    return state.withLock { state in
      state.capacity - state.files.values.reduce(0) { $0 + $1.bytes.count }
    }
  }

  private func check() throws(SpoolFailure) {
    if isCut { throw SpoolFailure("no power") }
  }
}
