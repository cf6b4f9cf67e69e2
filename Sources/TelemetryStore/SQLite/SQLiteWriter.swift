import BrokerCore
import DeviceProtocol
import Foundation
import GRDB
import TelemetryModel

/// Writes a batch's rows; the caller's transaction makes them one.
enum SQLiteWriter {
  /// `journal` is the batch's readings as a blob, made before the writer's turn began.
  static func write(_ batch: IngestBatch, journal: [UInt8], to db: Database) throws {
    try forget(batch.forgotten, in: db)
    try write(batch.devices, to: db)
    try write(batch.operatorLabels, to: db)
    try write(batch.newSeries, to: db)
    try db.cachedStatement(sql: "INSERT INTO journal (number, received, data) VALUES (?, ?, ?)")
      .execute(arguments: [batch.commit.number, batch.received.microseconds, Data(journal)])
    try SQLiteTexts(db: db).insert(batch)
    try write(batch.acked, to: db)
    try write(batch.gaps, to: db)
  }

  private static func write(_ devices: [StoredDevice], to db: Database) throws {
    let statement = try db.cachedStatement(
      sql: """
        INSERT INTO device
          (id, labels, agentName, agentVersion, lastSeen, offlineSince, offlineCause)
          VALUES (?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (id) DO UPDATE SET labels = excluded.labels, agentName = excluded.agentName,
          agentVersion = excluded.agentVersion, lastSeen = excluded.lastSeen,
          offlineSince = excluded.offlineSince, offlineCause = excluded.offlineCause
        """)
    for device in devices {
      try statement.execute(arguments: [
        device.id.string, SQLiteCatalogue.encode(device.labels), device.agent?.name,
        device.agent?.version, device.lastSeen.microseconds,
        device.departure?.at.microseconds, device.departure?.cause.rawValue,
      ])
    }
  }

  private static func forget(_ devices: [DeviceID], in db: Database) throws {
    for device in devices {
      try db.cachedStatement(sql: "DELETE FROM device WHERE id = ?")
        .execute(arguments: [device.string])
    }
  }

  private static func write(_ labels: [DeviceID: [String: String]], to db: Database) throws {
    for (device, labels) in labels {
      try db.cachedStatement(sql: "UPDATE device SET operatorLabels = ? WHERE id = ?")
        .execute(arguments: [SQLiteCatalogue.encode(labels), device.string])
    }
  }

  private static func write(_ series: [Series], to db: Database) throws {
    let statement = try db.cachedStatement(
      sql: "INSERT INTO series (id, device, metric, unit, kind) VALUES (?, ?, ?, ?, ?)")
    for series in series {
      try statement.execute(arguments: [
        series.id.number, series.device.string, series.metric.string, series.unit,
        series.kind.rawValue,
      ])
    }
  }

  private static func write(_ acked: [AckedPacks], to db: Database) throws {
    let statement = try db.cachedStatement(
      sql: """
        INSERT INTO acked (device, epoch, ranges) VALUES (?, ?, ?)
        ON CONFLICT (device, epoch) DO UPDATE SET ranges = excluded.ranges
        """)
    for packs in acked {
      try statement.execute(arguments: [
        packs.device.string, packs.epoch, SQLiteCatalogue.encode(packs.ranges),
      ])
    }
  }

  private static func write(_ gaps: [StoredGap], to db: Database) throws {
    let statement = try db.cachedStatement(
      sql: """
        INSERT INTO gap (device, epoch, first, last, reason, reported) VALUES (?, ?, ?, ?, ?, ?)
        """)
    for gap in gaps {
      try statement.execute(arguments: [
        gap.device.string, gap.epoch, Int64(clamping: gap.range.from),
        Int64(clamping: gap.range.to), gap.reason, gap.reported.microseconds,
      ])
    }
  }
}
