/// Decodes SenML packs in JSON (RFC 8428) one after another, without allocating for what it has
/// seen before.
///
/// One pass over the bytes fills `rows`, one a measurement: names and units are numbers of this
/// decoder's tables, strings and data stay in the message. Keep one decoder an event loop, not one
/// a connection: its tables are shared by all devices. When they overflow they are emptied between
/// packs and `generation` changes: whoever remembers numbers must forget them then.
package struct SenMLPackDecoder: Sendable {
  /// The pack's measurements in order; storage is reused by the next pack.
  package internal(set) var rows: [SenMLRow] = []
  /// Changes when the numbers of names and units begin anew.
  package private(set) var generation: UInt64 = 0
  /// The most records a pack may have.
  package let maxRecords: Int

  var names = NameTable()
  var templates = RecordTemplates()
  var units = UnitTable.registry
  private let initialUnits = UnitTable.registry

  /// The versions understood: up to 10 as in RFC 8428 §4.4, and 26, which is 10 with secondary
  /// units as a feature (RFC 9100). Secondary units are understood at any version.
  package static let versions = "1 to 10, and 26"

  /// A decoder whose packs may have so many records.
  package init(maxRecords: Int = 10_000) {
    self.maxRecords = maxRecords
  }

  /// Decodes one pack, which must be all there is in `bytes`, into `rows`.
  ///
  /// Relative times, which are those below 2^28 seconds (RFC 8428 §4.5.3), are relative to `now`.
  /// The first fault is thrown; `rows` is then of no use, the decoder is.
  package mutating func decode(_ bytes: Span<UInt8>, now: Timestamp) throws(SenMLError) {
    rows.removeAll(keepingCapacity: true)
    if names.isFull || units.isFull { forget() }
    guard bytes.count <= Int(UInt32.max) else {
      throw SenMLError(message: "a pack of more than 4 GiB")
    }
    var reader = JSONReader()
    var base = SenMLBase()
    base.setTime(0, now)
    var fields = SenMLFields()
    var index = 0
    var previous: UInt32 = 0
    do throws(JSONError) {
      try reader.enterArray(bytes)
    } catch {
      throw SenMLError(message: error.description)
    }
    while try nextRecord(&reader, bytes, index) {
      guard index < maxRecords else {
        throw SenMLError(message: "a pack of more than \(maxRecords) records")
      }
      if let name = takeExpected(&reader, bytes, index, base, now, after: previous) {
        previous = name
      } else {
        previous = try takeAny(&reader, bytes, index, &base, &fields, now, after: previous)
      }
      index += 1
    }
  }

  /// The resolved name with a number from `rows`.
  package func name(_ id: UInt32) -> String { names.strings[Int(id)] }

  /// The unit with a number from `rows`; nil for 0, which is no unit.
  package func unit(_ id: UInt16) -> String? { id == 0 ? nil : units.names[Int(id)] }

  /// What a row of the last pack says, with its text taken from the same bytes.
  package func value(of row: SenMLRow, in bytes: Span<UInt8>) -> SenMLValue? {
    switch row.kind {
    case .none: nil
    case .number: .number(row.number)
    case .bool: .bool(row.number != 0)
    // Both were checked when the row was made.
    case .string: .string((try? row.text.string(bytes)) ?? "")
    case .data: .data(Base64URL.decode(row.text, bytes) ?? [])
    }
  }

  /// A row of the last pack as a record of its own, with its text taken from the same bytes.
  package func record(_ row: SenMLRow, in bytes: Span<UInt8>) -> SenMLRecord {
    SenMLRecord(
      name: name(row.nameID), unit: unit(row.unitID), time: row.time,
      value: value(of: row, in: bytes), sum: row.sum, updateTimeSeconds: row.updateTimeSeconds)
  }

  @inline(__always)
  private func nextRecord(
    _ reader: inout JSONReader, _ bytes: Span<UInt8>, _ index: Int
  ) throws(SenMLError) -> Bool {
    do throws(JSONError) {
      if try reader.nextElement(bytes, first: index == 0) { return true }
      try reader.end(bytes)
      return false
    } catch {
      throw SenMLError(record: index, message: error.description)
    }
  }

  private mutating func forget() {
    names = NameTable()
    templates = RecordTemplates()
    units = initialUnits
    generation += 1
  }
}
