package import DeviceProtocol
package import TelemetryModel

/// A spool on disk that outlives its disk: while no number can be reserved durably there, packs get
/// numbers of another epoch and wait in memory.
///
/// A number must never name two packs, so the disk's numbers are not used beyond what it has on
/// record; and no pack changes its number, since it may have been sent under it. A link speaks one
/// epoch at a time: it finishes what is on its way, then begins again under the other. Back on the
/// disk, what memory holds is sent first. Packs in memory are gone if the process ends, which nobody
/// can tell the broker; hence the report when it begins.
package struct ResilientSpool: Spool, Sendable {
  private enum Side: Sendable {
    case disk
    case memory
  }

  private let open: @Sendable () throws(SpoolFailure) -> DiskSpool
  private let makeMemory: @Sendable () -> MemorySpool
  private var disk: DiskSpool?
  private var memory: MemorySpool?
  /// Where new packs go.
  private var storing: Side
  /// Whose numbers the link speaks.
  private var linked: Side

  /// Opens the disk; where it cannot be used, packs wait in memory from the start.
  /// - Parameters:
  ///   - open: opens what is on the disk; called again until it succeeds.
  ///   - makeMemory: an empty spool of a new epoch.
  package init(
    open: @escaping @Sendable () throws(SpoolFailure) -> DiskSpool,
    makeMemory: @escaping @Sendable () -> MemorySpool
  ) {
    self.open = open
    self.makeMemory = makeMemory
    do throws(SpoolFailure) {
      disk = try open()
      storing = .disk
    } catch {
      memory = makeMemory()
      storing = .memory
      openFailure = error
    }
    linked = storing
  }

  /// Why the disk cannot be used, where it could not be opened.
  package private(set) var openFailure: SpoolFailure?

  /// The epoch of the numbers that the link speaks.
  package var epoch: String { linkedSpool?.epoch ?? "" }
  /// What is stored, acknowledged and lost of them.
  package var ledger: SpoolLedger { linkedSpool?.ledger ?? SpoolLedger() }
  /// Whether the packs of the link's epoch survive the process.
  package var isDurable: Bool { linked == .disk }
  /// What was written to the disk.
  package var wear: SpoolWear { disk?.wear ?? SpoolWear() }

  /// Packs wait in memory: the link goes there at once, and back when they are sent and the disk
  /// takes new ones.
  package var isEpochChangeDue: Bool {
    let isMemoryEmpty = memory?.ledger.stored.isEmpty ?? true
    switch linked {
    case .disk: return !isMemoryEmpty
    case .memory: return isMemoryEmpty && storing == .disk
    }
  }

  private var linkedSpool: (any Spool)? {
    switch linked {
    case .disk: disk
    case .memory: memory
    }
  }

  /// The link speaks the other side's numbers from now on.
  package mutating func changeEpoch() {
    guard isEpochChangeDue else { return }
    switch linked {
    case .disk: linked = .memory
    case .memory:
      linked = .disk
      memory = nil
    }
  }

  /// Stores a pack, on the disk or, while that gives no numbers, in memory.
  /// - Throws: where the disk failed; the pack is stored all the same.
  package mutating func append(
    _ pack: [UInt8], at time: Timestamp?, isInFlight: (UInt64) -> Bool
  ) throws(SpoolFailure) -> SpooledPack {
    if storing == .disk {
      do throws(SpoolFailure) {
        try disk?.reserve()
      } catch {
        storing = .memory
        _ = keep(pack, at: time, isInFlight)
        throw error
      }
      let isLinked = linked == .disk
      if let spooled = try disk?.append(
        pack, at: time, isInFlight: { isLinked && isInFlight($0) })
      {
        return spooled
      }
    }
    return keep(pack, at: time, isInFlight)
  }

  private mutating func keep(
    _ pack: [UInt8], at time: Timestamp?, _ isInFlight: (UInt64) -> Bool
  ) -> SpooledPack {
    var spool = memory ?? makeMemory()
    // Taken out, so that it is not copied.
    memory = nil
    defer { memory = spool }
    let isLinked = linked == .memory
    return spool.append(pack, at: time) { isLinked && isInFlight($0) }
  }

  /// A stored pack of the link's epoch.
  package mutating func pack(_ sequence: UInt64) -> [UInt8]? {
    switch linked {
    case .disk: disk?.pack(sequence)
    case .memory: memory?.pack(sequence)
    }
  }

  /// Forgets packs of the link's epoch.
  package mutating func acknowledge(_ ranges: SequenceRanges) {
    switch linked {
    case .disk: disk?.acknowledge(ranges)
    case .memory: memory?.acknowledge(ranges)
    }
  }

  /// Gives up a pack of the link's epoch.
  package mutating func giveUp(_ sequence: UInt64, reason: LossReason) {
    switch linked {
    case .disk: disk?.giveUp(sequence, reason: reason)
    case .memory: memory?.giveUp(sequence, reason: reason)
    }
  }

  /// Makes the disk's packs durable, and tries the disk again where it failed.
  package mutating func flush(_ extent: FlushExtent) throws(SpoolFailure) {
    if disk == nil { disk = try open() }
    openFailure = nil
    try disk?.flush(extent)
    guard storing == .memory else { return }
    try disk?.reserve()
    if disk?.hasNumber == true { storing = .disk }
  }

  /// What was given up of the link's epoch.
  package mutating func takeLosses() -> [SpoolLoss] {
    switch linked {
    case .disk: disk?.takeLosses() ?? []
    case .memory: memory?.takeLosses() ?? []
    }
  }
}
