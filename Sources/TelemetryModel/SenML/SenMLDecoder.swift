/// Decodes one SenML pack in JSON (RFC 8428) into records of their own: the convenient form.
///
/// The stream of telemetry goes through `SenMLPackDecoder`, which this is made with.
package enum SenMLDecoder {
  /// The records of the pack that is all of `bytes`, resolved; at most `maxRecords` are accepted.
  ///
  /// Relative times are relative to `now`. The first fault is thrown, with its record and field.
  package static func decode(
    _ bytes: Span<UInt8>, now: Timestamp, maxRecords: Int = 10_000
  ) throws(SenMLError) -> [SenMLRecord] {
    var decoder = SenMLPackDecoder(maxRecords: maxRecords)
    try decoder.decode(bytes, now: now)
    var records: [SenMLRecord] = []
    records.reserveCapacity(decoder.rows.count)
    for row in decoder.rows { records.append(decoder.record(row, in: bytes)) }
    return records
  }
}
