import BrokerCore
import DeviceProtocol
import GRDB
import TelemetryModel

/// Reads what is not a reading: devices, series, acked ranges, gaps.
enum SQLiteCatalogue {
  static func series(_ db: Database) throws -> [Series] {
    // By number, not by name: there may be a million.
    let rows = try Row.fetchCursor(db, sql: "SELECT id, device, metric, unit, kind FROM series")
    var series: [Series] = []
    while let row = try rows.next() {
      series.append(
        Series(
          id: SeriesID(row[0]), device: try DeviceID(row[1] as String),
          metric: try MetricName(row[2] as String), unit: row[3],
          kind: Series.Kind(rawValue: row[4]) ?? .number))
    }
    return series
  }

  static func devices(_ db: Database) throws -> [StoredDevice] {
    try Row.fetchAll(db, sql: "SELECT * FROM device").map { row in
      let name: String? = row["agentName"]
      return StoredDevice(
        id: try DeviceID(row["id"]), labels: try decodeLabels(row["labels"]),
        agent: name.map { Software(name: $0, version: row["agentVersion"] ?? "") },
        lastSeen: Timestamp(microseconds: row["lastSeen"]),
        operatorLabels: try decodeLabels(row["operatorLabels"]), departure: departure(row))
    }
  }

  // A cause of which this program knows nothing says no more than that the device went.
  private static func departure(_ row: Row) -> StoredDevice.Departure? {
    guard let since: Int64 = row["offlineSince"] else { return nil }
    let cause: String? = row["offlineCause"]
    return StoredDevice.Departure(
      at: Timestamp(microseconds: since),
      cause: cause.flatMap(LinkEndCause.init(rawValue:)) ?? .brokerStarted)
  }

  /// When the newest readings came that are not folded yet.
  static func lastReceived(_ db: Database) throws -> Timestamp? {
    try Int64.fetchOne(db, sql: "SELECT received FROM journal ORDER BY number DESC LIMIT 1")
      .map(Timestamp.init(microseconds:))
  }

  static func ackedRanges(
    _ db: Database, device: DeviceID, epoch: String
  ) throws -> SequenceRanges {
    let text = try String.fetchOne(
      db, sql: "SELECT ranges FROM acked WHERE device = ? AND epoch = ?",
      arguments: [device.string, epoch])
    return try text.map(decodeRanges) ?? SequenceRanges()
  }

  static func gaps(
    _ db: Database, devices: [DeviceID], from: Timestamp, to: Timestamp
  ) throws -> [StoredGap] {
    let statement = try db.cachedStatement(
      sql: """
        SELECT epoch, first, last, reason, reported FROM gap
        WHERE device = ? AND reported >= ? AND reported < ? ORDER BY reported, id
        """)
    var gaps: [StoredGap] = []
    for device in devices {
      let rows = try Row.fetchCursor(
        statement, arguments: [device.string, from.microseconds, to.microseconds])
      while let row = try rows.next() {
        gaps.append(
          StoredGap(
            device: device, epoch: row[0],
            range: SequenceRange(
              from: UInt64(clamping: row[1] as Int64), to: UInt64(clamping: row[2] as Int64))
              ?? SequenceRange(UInt64(clamping: row[1] as Int64)),
            reason: row[3], reported: Timestamp(microseconds: row[4])))
      }
    }
    return gaps
  }
}

/// The text forms of what has no column type of its own: JSON, so that the file explains itself.
extension SQLiteCatalogue {
  static func encode(_ labels: [String: String]) -> String {
    var json = JSONWriter()
    json.object { json in
      for (key, value) in labels.sorted(by: { $0.key < $1.key }) {
        json.key(key)
        json.write(value)
      }
    }
    return String(decoding: json.bytes, as: UTF8.self)
  }

  static func decodeLabels(_ text: String) throws -> [String: String] {
    var labels: [String: String] = [:]
    for member in try JSONValue(parsing: Array(text.utf8).span).object?.members ?? [] {
      labels[member.key] = member.value.string
    }
    return labels
  }

  static func encode(_ ranges: SequenceRanges) -> String {
    var json = JSONWriter()
    ranges.write(into: &json)
    return String(decoding: json.bytes, as: UTF8.self)
  }

  static func decodeRanges(_ text: String) throws -> SequenceRanges {
    var ranges = SequenceRanges()
    for pair in try JSONValue(parsing: Array(text.utf8).span).array ?? [] {
      guard let from = pair.array?.first?.wholeNumber, let to = pair.array?.last?.wholeNumber,
        let range = SequenceRange(from: from, to: to)
      else { throw StoreError.unusable("acked ranges are damaged: \(text)") }
      ranges.insert(range)
    }
    return ranges
  }
}
