package import DeviceProtocol
package import TelemetryModel

/// A decoded pack on its way to the store, as a ``PackReader`` makes it.
package struct IncomingPack: Sendable {
  /// Who sent it.
  package var device: DeviceID
  /// The spool that its number belongs to.
  package var epoch: String
  /// Its number in the epoch; names it for ever.
  package var seq: UInt64
  /// Readings of known series, in order.
  package var samples: [Sample]
  /// Readings of text or bytes of known series, in order.
  package var texts: [TextSample] = []
  /// Readings whose series the pipeline has to find, make or refuse, in order. Those of one series
  /// are all here, or all in the lists above, so that their order stays.
  package var unresolved: [UnresolvedReading]
  /// What of it is refused already, whatever the pipeline finds.
  package var refusal: PackRefusal?
  /// When the broker got it.
  package var received: Timestamp
  /// The link that gets the ack.
  package var origin: any PackOrigin

  /// How many readings it has.
  package var count: Int { samples.count + texts.count + unresolved.count }
}

/// A reading of a name that its link has not met yet, or whose series is in another unit.
package struct UnresolvedReading: Sendable {
  /// Its record in the pack, from 0.
  package var record: Int
  /// The resolved name, as in the pack.
  package var name: String
  /// The unit, if it has one.
  package var unit: String?
  /// The reading; its series is of no meaning.
  package var sample: Sample
  /// What it says, where that is no number; then the sample's value is of no meaning either.
  package var text: TextSample.Value?
  /// Whether it is a boolean, with a value of 0 or 1.
  package var isBoolean = false

  /// What a series is that begins with it.
  var kind: Series.Kind {
    switch text {
    case .string: .text
    case .data: .data
    case nil: isBoolean ? .boolean : .number
    }
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

extension PackRefusal? {
  /// Counts one more refused record; the first of the pack is the one that is told.
  mutating func count(
    record: Int, of seq: UInt64, _ code: PackRefusal.Code, _ text: @autoclosure () -> String
  ) {
    guard var refusal = self else {
      self = PackRefusal(seq: seq, record: record, count: 1, code: code, text: text())
      return
    }
    refusal.count += 1
    if let first = refusal.record, record < first {
      refusal.record = record
      refusal.code = code
      refusal.text = text()
    }
    self = refusal
  }
}
