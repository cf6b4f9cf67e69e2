import DeviceProtocol
import Synchronization
import TelemetryModel

/// What waits for the next commit; filled from every event loop, emptied by the pipeline.
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
    var contents = Contents()
    var closed = false
  }

  private let state = Mutex(State())
  private let maxRecords: Int
  private let doorbell: AsyncStream<Void>.Continuation
  /// Rings, at least once, after anything was put in.
  let rings: AsyncStream<Void>

  init(maxRecords: Int) {
    self.maxRecords = maxRecords
    (rings, doorbell) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  /// Puts a pack in line; false where the queue is full or closed.
  func add(_ pack: IncomingPack) -> Bool {
    put { contents in
      guard contents.records < maxRecords else { return false }
      contents.records += max(1, pack.count)
      contents.packs.append(pack)
      return true
    }
  }

  func add(_ gap: IncomingGap) -> Bool {
    put { contents in
      guard contents.gaps.count < maxRecords else { return false }
      contents.gaps.append(gap)
      return true
    }
  }

  /// A device's newest state replaces the one still waiting.
  func add(_ device: StoredDevice) -> Bool {
    put { contents in
      contents.devices[device.id] = device
      return true
    }
  }

  /// A device that is to be forgotten is not written any more with what waits.
  func add(_ change: DeviceChange) -> Bool {
    put { contents in
      guard contents.changes.count < maxRecords else { return false }
      if case .forget = change.kind { contents.devices[change.device] = nil }
      contents.changes.append(change)
      return true
    }
  }

  /// Everything that waits, leaving nothing.
  func drain() -> Contents {
    state.withLock { state in
      defer { state.contents = Contents() }
      return state.contents
    }
  }

  /// Takes nothing more; what waits can still be drained.
  func close() {
    state.withLock { $0.closed = true }
    doorbell.finish()
  }

  var waitingRecords: Int { state.withLock { $0.contents.records } }

  private func put(_ change: (inout Contents) -> Bool) -> Bool {
    let (taken, first) = state.withLock { state -> (Bool, Bool) in
      guard !state.closed else { return (false, false) }
      let first = state.contents.isEmpty
      return (change(&state.contents), first)
    }
    if taken, first { doorbell.yield() }
    return taken
  }
}
