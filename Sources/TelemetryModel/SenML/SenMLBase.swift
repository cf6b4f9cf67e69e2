/// The base fields in force (RFC 8428 §4.1): each holds until it is given again.
struct SenMLBase {
  var name: UInt32 = 0
  var unit: UInt16 = 0
  var time = 0.0
  /// The time of a record that has none of its own.
  var moment = Timestamp(microseconds: 0)
  var isRelative = false
  var value = 0.0
  var sum = 0.0
  /// 0 as long as no record has set it.
  var version = 0.0

  mutating func setTime(_ seconds: Double, _ now: Timestamp) {
    time = seconds
    (moment, isRelative) = SenMLBase.moment(seconds, now)
  }

  /// 2^28 seconds are 8.5 years: below, a time is relative to now (RFC 8428 §4.5.3).
  @inline(__always)
  static func moment(_ seconds: Double, _ now: Timestamp) -> (Timestamp, Bool) {
    seconds < 0x1p28
      ? (now + .fromSeconds(seconds), true) : (Timestamp(seconds: seconds), false)
  }
}

extension SenMLPackDecoder {
  /// Takes over a record's base fields.
  @inline(never)
  mutating func rebase(
    _ fields: SenMLFields, _ bytes: Span<UInt8>, _ index: Int, _ base: inout SenMLBase,
    _ now: Timestamp
  ) throws(SenMLError) {
    if fields.has(.bver) {
      let version = fields.version
      let isKnown = version == 26 || (version >= 1 && version <= 10 && version.rounded() == version)
      guard isKnown else {
        throw SenMLError(
          record: index, field: "bver",
          message: "version \(version) is not understood, only \(SenMLPackDecoder.versions)")
      }
      // All records of a pack have one version (RFC 8428 §4.4); without the field it is 10.
      let earlier = index == 0 ? version : base.version == 0 ? 10 : base.version
      guard version == earlier else {
        throw SenMLError(
          record: index, field: "bver", message: "the records of a pack differ in version")
      }
      base.version = version
    }
    if fields.has(.bn) {
      let isEmpty = fields.baseName.range.isEmpty
      base.name =
        isEmpty ? 0 : try nameID(fields.baseName, bytes, index, under: NameTable.bases, .bn)
    }
    if fields.has(.bu) { base.unit = try unitID(fields.baseUnit, bytes, index, .bu) }
    if fields.has(.bt) { base.setTime(fields.baseTime, now) }
    if fields.has(.bv) { base.value = fields.baseValue }
    if fields.has(.bs) { base.sum = fields.baseSum }
  }
}
