import BrokerCore
import Foundation
import GRDB
import TelemetryModel

/// The stored windows of series, many to a row.
struct SQLiteWindows {
  let db: Database

  /// Adds what readings say to the windows that they belong to, at every level; windows that
  /// retention has given up stay so.
  func add(
    _ readings: [Reading], to series: SeriesID, keptSince: (WindowLevel) -> Timestamp
  ) throws {
    guard !readings.isEmpty else { return }
    for (level, windows) in WindowChanges(readings).byLevel {
      let kept = keptSince(level)
      var rest = windows.drop { $0.start < kept }
      while let first = rest.first {
        let block = level.block(of: first.start)
        let split = rest.firstIndex { level.block(of: $0.start) != block } ?? rest.endIndex
        try merge(rest[..<split], level, WindowRowID(series, level, block: block))
        rest = rest[split...]
      }
    }
  }

  private func merge(
    _ added: ArraySlice<StoredWindow>, _ level: WindowLevel, _ id: WindowRowID
  ) throws {
    let statement = try db.cachedStatement(sql: "SELECT data, sketches FROM window WHERE id = ?")
    var windows: [StoredWindow] = []
    if let row = try Row.fetchOne(statement, arguments: [id.number]) {
      windows = try SQLiteWindows.decode(row, withSketch: true, columns: .all)
    }
    try write(windows.merged(with: added), level, id)
  }

  /// Replaces a row.
  func write(_ windows: [StoredWindow], _ level: WindowLevel, _ id: WindowRowID) throws {
    try db.cachedStatement(
      sql: """
        INSERT INTO window (id, data, sketches) VALUES (?, ?, ?)
        ON CONFLICT (id) DO UPDATE SET data = excluded.data, sketches = excluded.sketches
        """
    ).execute(arguments: [
      id.number, Data(WindowBlob.encode(windows, level)), Data(SketchColumn.encode(windows)),
    ])
  }

  /// Deletes the rows whose last window ends before a moment.
  func delete(_ series: SeriesID, _ level: WindowLevel, endingBefore time: Timestamp) throws {
    let rows = WindowRowID.rows(series, level, from: .distantPast, to: time)
    try db.cachedStatement(sql: "DELETE FROM window WHERE id >= ? AND id < ?")
      .execute(arguments: [rows.lowerBound, rows.upperBound])
  }

  private static func decode(
    _ row: Row, withSketch: Bool, columns: WindowBlob.Columns
  ) throws -> [StoredWindow] {
    try row.withBytes(at: 0) { data in
      guard withSketch else { return try WindowBlob.decode(data, columns: columns) }
      return try row.withBytes(at: 1) { sketches in
        try WindowBlob.decode(data, sketches: sketches, columns: .all)
      }
    }
  }

  /// Visits the windows of a span's rows together with what is not in rows yet, in order of time,
  /// until told to stop. `added` are ordered by start.
  func forEachWindow(
    _ series: SeriesID, _ level: WindowLevel, from: Timestamp, to: Timestamp,
    added: [StoredWindow], withSketch: Bool, columns: WindowBlob.Columns,
    _ body: (StoredWindow) throws -> Bool
  ) throws {
    let rows = WindowRowID.rows(series, level, from: from, to: to)
    // The sketches are not so much as read where nobody wants percentiles.
    let statement = try db.cachedStatement(
      sql: """
        SELECT data, \(withSketch ? "sketches" : "NULL") FROM window WHERE id BETWEEN ? AND ?
        ORDER BY id
        """)
    let cursor = try Row.fetchCursor(statement, arguments: [rows.lowerBound, rows.upperBound])
    var added = added[...]
    while let row = try cursor.next() {
      var windows = try SQLiteWindows.decode(row, withSketch: withSketch, columns: columns)
      if let last = windows.last, let next = added.first, next.start <= last.start {
        let split = added.firstIndex { $0.start > last.start } ?? added.endIndex
        if !withSketch, columns != .all {
          windows = try SQLiteWindows.decode(row, withSketch: false, columns: .all)
        }
        windows = windows.merged(with: added[..<split])
        added = added[split...]
      }
      for window in windows where window.start >= from && window.start <= to {
        guard try body(window) else { return }
      }
    }
    for window in added where window.start >= from && window.start <= to {
      guard try body(window) else { return }
    }
  }
}
