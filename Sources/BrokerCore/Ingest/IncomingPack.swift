package import DeviceProtocol
package import TelemetryModel

/// A decoded pack on its way to the store.
package struct IncomingPack: Sendable {
  /// Who sent it.
  package var device: DeviceID
  /// The spool that its number belongs to.
  package var epoch: String
  /// Its number in the epoch; names it for ever.
  package var seq: UInt64
  /// Resolved readings.
  package var records: [SenMLRecord]
  /// Why it has no readings, where it is not SenML.
  package var malformed: PackRefusal?
  /// When the broker got it.
  package var received: Timestamp
  /// The link that gets the ack.
  package var origin: any PackOrigin

  /// Names all parts.
  package init(
    device: DeviceID, epoch: String, seq: UInt64, records: [SenMLRecord],
    malformed: PackRefusal? = nil, received: Timestamp, origin: any PackOrigin
  ) {
    self.device = device
    self.epoch = epoch
    self.seq = seq
    self.records = records
    self.malformed = malformed
    self.received = received
    self.origin = origin
  }
}

/// Packs that a device says it gave up, on their way to the store.
package struct IncomingGap: Sendable {
  /// The packs, why, and when the broker was told.
  package var gap: StoredGap
  /// The link that gets the ack: a gap that is stored is not told again.
  package var origin: any PackOrigin

  /// Names both parts.
  package init(gap: StoredGap, origin: any PackOrigin) {
    self.gap = gap
    self.origin = origin
  }
}

/// A link that packs came over.
package protocol PackOrigin: AnyObject, Sendable {
  /// Tells that packs are durable, whether this commit wrote them or an earlier one had; called
  /// from the ingest pipeline, must return at once (hop to the link's own loop).
  func packsCommitted(_ ranges: SequenceRanges)

  /// Tells that part of a pack was not taken; called like ``packsCommitted(_:)``, before it.
  func recordsRefused(_ refusal: PackRefusal)
}

/// Why part of a pack was not stored. The pack is acked all the same: sent again it would be
/// refused again.
package struct PackRefusal: Hashable, Sendable {
  /// What was wrong with a reading, in words that a program can compare.
  package enum Code: String, Sendable, CaseIterable {
    /// The metric exists in another unit.
    case unitChanged
    /// The name is not legal, or stands under another device.
    case badName
    /// The reading is from further in the future than the broker's clock allows.
    case farFuture
    /// A kind of value that is not stored: text or data.
    case unsupportedValue
    /// The pack is not SenML.
    case malformed
  }

  /// The pack's number.
  package var seq: UInt64
  /// The first refused record, counted from 0; nil where the pack as a whole is meant.
  package var record: Int?
  /// How many of its records were refused.
  package var count: Int
  /// Why the first one was.
  package var code: Code
  /// The same in words.
  package var text: String

  /// Names all parts.
  package init(seq: UInt64, record: Int?, count: Int, code: Code, text: String) {
    self.seq = seq
    self.record = record
    self.count = count
    self.code = code
    self.text = text
  }
}
