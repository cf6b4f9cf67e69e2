/// What a SenML record says: exactly one of the four kinds of value (RFC 8428 §4.2).
package enum SenMLValue: Hashable, Sendable {
  /// `v`
  case number(Double)
  /// `vs`
  case string(String)
  /// `vb`
  case bool(Bool)
  /// `vd`, decoded
  case data([UInt8])
}

/// A resolved SenML record (RFC 8428 §4.6): base fields applied, time absolute, a secondary unit
/// (RFC 8798) replaced by its base unit and the value converted with it.
package struct SenMLRecord: Hashable, Sendable {
  /// Base name and name.
  package var name: String
  /// The unit, as registered where it is; nil where none was given.
  package var unit: String?
  /// When the value was measured.
  package var time: Timestamp
  /// The value; nil in a record that has only a sum.
  package var value: SenMLValue?
  /// The integral of the value over time so far, in the unit times seconds.
  package var sum: Double?
  /// The latest the sensor will send the next reading after this one, in seconds.
  package var updateTimeSeconds: Double?

  /// A resolved record.
  package init(
    name: String, unit: String? = nil, time: Timestamp, value: SenMLValue?, sum: Double? = nil,
    updateTimeSeconds: Double? = nil
  ) {
    self.name = name
    self.unit = unit
    self.time = time
    self.value = value
    self.sum = sum
    self.updateTimeSeconds = updateTimeSeconds
  }
}

/// Why a SenML pack is refused: which record, which field, what about it.
package struct SenMLError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The record's place in the pack, from 0; nil when it is about the pack itself.
  package var record: Int?
  /// The field's label, such as `bt`; nil when it is about no single field.
  package var field: String?
  /// The fault in words.
  package var message: String

  /// A fault, with its place as far as it is known.
  package init(record: Int? = nil, field: String? = nil, message: String) {
    self.record = record
    self.field = field
    self.message = message
  }

  /// `record 3, field bt: a number is expected (byte 17)`
  package var description: String {
    switch (record, field) {
    case (let record?, let field?): "record \(record), field \(field): \(message)"
    case (let record?, nil): "record \(record): \(message)"
    case (nil, let field?): "field \(field): \(message)"
    case (nil, nil): message
    }
  }
}
