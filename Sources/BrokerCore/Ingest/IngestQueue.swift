import DeviceProtocol
import Synchronization
import TelemetryModel

/// What waits for the next commits; filled from every event loop, emptied by the pipeline, a commit's
/// worth at a time.
///
/// Bounded: a queue that is full refuses, and the refused pack's link is told to come back later;
/// its agent still has the pack.
final class IngestQueue: Sendable {
  struct Contents: Sendable {
    var packs: [IncomingPack] = []
    var gaps: [IncomingGap] = []
    var devices: [DeviceID: StoredDevice] = [:]
    var changes: [DeviceChange] = []
    var records = 0

    var isEmpty: Bool {
      packs.isEmpty && gaps.isEmpty && devices.isEmpty && changes.isEmpty
    }
  }

  private struct State {
    /// By commit, the next one first; never none. All but the last are full.
    var batches = [Contents()]
    var records = 0
    var closed = false

    var isEmpty: Bool { batches.count == 1 && batches[0].isEmpty }

    mutating func change(_ body: (inout Contents) -> Bool) -> Bool {
      body(&batches[batches.count - 1])
    }
  }

  private let state = Mutex(State())
  private let maxRecords: Int
  private let maxCommitRecords: Int
  private let doorbell: AsyncStream<Void>.Continuation
  /// Rings, at least once, after anything was put in.
  let rings: AsyncStream<Void>

  init(maxRecords: Int, maxCommitRecords: Int) {
    self.maxRecords = maxRecords
    self.maxCommitRecords = maxCommitRecords
    (rings, doorbell) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  /// Puts a pack in line; false where the queue is full or closed.
  func add(_ pack: IncomingPack) -> Bool {
    put { state in
      guard state.records < maxRecords else { return false }
      let records = max(1, pack.count)
      state.records += records
      return state.change { contents in
        contents.records += records
        contents.packs.append(pack)
        return true
      }
    }
  }

  func add(_ gap: IncomingGap) -> Bool {
    put { state in
      state.change { contents in
        guard contents.gaps.count < maxRecords else { return false }
        contents.gaps.append(gap)
        return true
      }
    }
  }

  /// A device's newest state replaces the one still waiting.
  func add(_ device: StoredDevice) -> Bool {
    put { state in
      state.change { contents in
        contents.devices[device.id] = device
        return true
      }
    }
  }

  /// A device that is to be forgotten is not written any more with what waits.
  func add(_ change: DeviceChange) -> Bool {
    put { state in
      if case .forget = change.kind {
        for place in state.batches.indices { state.batches[place].devices[change.device] = nil }
      }
      return state.change { contents in
        guard contents.changes.count < maxRecords else { return false }
        contents.changes.append(change)
        return true
      }
    }
  }

  /// What the next commit is to hold; nothing where nothing waits. Rings for what is left.
  func drain() -> Contents {
    let (batch, isEmpty) = state.withLock { state in
      let batch = state.batches.removeFirst()
      if state.batches.isEmpty { state.batches.append(Contents()) }
      state.records -= batch.records
      return (batch, state.isEmpty)
    }
    if !isEmpty { doorbell.yield() }
    return batch
  }

  /// Whether there is as much as one commit may hold.
  var isFull: Bool { state.withLock { $0.batches.count > 1 } }

  var isEmpty: Bool { state.withLock { $0.isEmpty } }

  /// Takes nothing more; what waits can still be drained.
  func close() {
    state.withLock { $0.closed = true }
    doorbell.finish()
  }

  /// Whether it takes nothing any more.
  var isClosed: Bool { state.withLock { $0.closed } }

  var waitingRecords: Int { state.withLock { $0.records } }

  private func put(_ change: (inout State) -> Bool) -> Bool {
    let (taken, first) = state.withLock { state -> (Bool, Bool) in
      guard !state.closed else { return (false, false) }
      let first = state.isEmpty
      let taken = change(&state)
      if state.batches[state.batches.count - 1].records >= maxCommitRecords {
        state.batches.append(Contents())
      }
      return (taken, first)
    }
    if taken, first { doorbell.yield() }
    return taken
  }
}
