import TelemetryModel

/// Which way a pack comes: as it is measured, or later from the spool.
package enum Lane: String, CaseIterable, Sendable {
  /// As it is measured; goes first.
  case live
  /// From the spool; gets what is left of the window.
  case backfill
}

/// Packs that the agent has given up: shown as lost, not as silence.
package struct Gap: Hashable, Sendable {
  /// The sequence numbers given up.
  package var range: SequenceRange
  /// Why, as a stable word or short text.
  package var reason: String

  /// The first sequence number given up.
  package var from: UInt64 { range.from }
  /// The last one.
  package var to: UInt64 { range.to }

  /// A gap.
  package init(_ range: SequenceRange, reason: String) {
    self.range = range
    self.reason = reason
  }

  init(_ fields: Fields) throws(ProtocolError) {
    let from = try fields.sequence("from")
    let to = try fields.sequence("to")
    guard let range = SequenceRange(from: from, to: to) else {
      throw ProtocolError(field: fields.path(of: "to"), "smaller than from")
    }
    self.range = range
    reason = try fields.optionalString("reason", maxBytes: ProtocolLimits.maxTextBytes) ?? ""
  }

  func write(into writer: inout JSONWriter) {
    writer.object { writer in
      writer.key("from")
      writer.write(from)
      writer.key("to")
      writer.write(to)
      writer.key("reason")
      writer.write(reason)
    }
  }
}
