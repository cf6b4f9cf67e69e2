package import DeviceProtocol
package import TelemetryModel

/// Where packs wait until the broker has stored them durably.
///
/// A pack has its sequence number for ever: 1, 2, 3… within the spool's epoch. It leaves the spool
/// when it is acknowledged, or, when the spool is full, as the oldest that is not on its way; such
/// losses stay on record until the broker knows them. Used from one thread.
package protocol Spool {
  /// Names this numbering: a new spool that begins at 1 again has a new epoch.
  var epoch: String { get }
  /// What is stored, acknowledged and lost.
  var ledger: SpoolLedger { get }
  /// Whether what it holds survives the process.
  var isDurable: Bool { get }
  /// What it has written to the disk so far.
  var wear: SpoolWear { get }
  /// Whether packs are numbered anew by now, so that a link has to begin again to send them.
  var isEpochChangeDue: Bool { get }

  /// Stores a pack under the next sequence number.
  /// - Parameters:
  ///   - pack: a SenML pack as JSON.
  ///   - time: now, for the bound by age; nil while nobody knows.
  ///   - isInFlight: whether a pack was sent and not acknowledged; such packs are dropped last.
  /// - Returns: the pack's number, and what had to go for it.
  /// - Throws: where storage failed; the pack is then held in memory like any other.
  mutating func append(
    _ pack: [UInt8], at time: Timestamp?, isInFlight: (UInt64) -> Bool
  ) throws(SpoolFailure) -> SpooledPack

  /// A stored pack; nil where it is not stored (any more), cannot be read now, or turns out
  /// damaged, which is then on record as lost.
  mutating func pack(_ sequence: UInt64) -> [UInt8]?

  /// Forgets packs that the broker has stored. Numbers that were never given out are ignored.
  mutating func acknowledge(_ ranges: SequenceRanges)

  /// Gives up a stored pack for another reason than space.
  mutating func giveUp(_ sequence: UInt64, reason: LossReason)

  /// Makes packs durable, where the spool is on disk.
  /// - Throws: where storage failed; what was not written stays in memory and is tried again.
  mutating func flush(_ extent: FlushExtent) throws(SpoolFailure)

  /// What was given up since this was asked last, to be told on the present link.
  mutating func takeLosses() -> [SpoolLoss]

  /// Goes over to the other numbering; only where that is due.
  mutating func changeEpoch()
}

extension Spool {
  /// Stores a pack while nobody knows the time.
  package mutating func append(
    _ pack: [UInt8], isInFlight: (UInt64) -> Bool
  ) throws(SpoolFailure) -> SpooledPack {
    try append(pack, at: nil, isInFlight: isInFlight)
  }
}

/// Packs that were given up, and why.
package struct SpoolLoss: Hashable, Sendable {
  /// The packs.
  package let range: SequenceRange
  /// Why.
  package let reason: LossReason

  /// A loss.
  package init(_ range: SequenceRange, _ reason: LossReason) {
    self.range = range
    self.reason = reason
  }
}

/// What the state costs the disk: flash wears by what is written, and by how often.
package struct SpoolWear: Hashable, Sendable {
  /// Bytes handed to the file system.
  package var bytes = 0
  /// Times that they were made durable; each costs at least a page of flash, and the journal's.
  package var syncs = 0

  /// Nothing written.
  package init() {}

  /// What was written since.
  package static func - (left: SpoolWear, right: SpoolWear) -> SpoolWear {
    var wear = left
    wear.bytes -= right.bytes
    wear.syncs -= right.syncs
    return wear
  }
}

/// What a flush makes durable.
package enum FlushExtent: Sendable {
  /// What has waited for its acknowledgement since the flush before: on a healthy link nothing,
  /// which spares the flash.
  case settled
  /// Everything.
  case everything
}

/// What became of an appended pack.
package struct SpooledPack: Hashable, Sendable {
  /// Its number.
  package let sequence: UInt64
  /// Older packs that had to go; they are on record as lost.
  package let dropped: SequenceRanges

  /// A pack's number and what had to go for it.
  package init(sequence: UInt64, dropped: SequenceRanges) {
    self.sequence = sequence
    self.dropped = dropped
  }
}

/// Why packs were given up; the text goes to the broker.
package enum LossReason: String, CaseIterable, Sendable {
  /// There was no room for more.
  case spoolFull = "spool full"
  /// It had waited longer than readings are kept.
  case tooOld = "too old"
  /// The disk has other uses for its last free space.
  case diskFull = "disk full"
  /// The stored copy cannot be read.
  case damaged = "spool damaged"
  /// The pack is larger than any message that the broker takes.
  case tooLarge = "pack too large"
  /// The process or the machine died before the pack was durable.
  case crashed = "lost in a crash"
}

/// Why the spool's storage does not work.
package struct SpoolFailure: Error, Hashable, Sendable, CustomStringConvertible {
  /// The reason in words, with the path concerned.
  package let reason: String

  /// A failure with its reason.
  package init(_ reason: String) {
    self.reason = reason
  }

  /// The reason.
  package var description: String { reason }
}
