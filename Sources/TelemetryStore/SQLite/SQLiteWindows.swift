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
    added: [StoredWindow], withSketch: Bool, _ body: (StoredWindow) throws -> Bool
  ) throws {
    var added = added[...]
    let goesOn = try forEachRow(series, level, from: from, to: to, withSketch: withSketch) { row in
      var windows = try SQLiteWindows.decode(row, withSketch: withSketch, columns: .all)
      if let last = windows.last { windows = windows.merged(with: added.take(through: last.start)) }
      for window in windows where window.start >= from && window.start <= to {
        guard try body(window) else { return false }
      }
      return true
    }
    guard goesOn else { return }
    for window in added where window.start >= from && window.start <= to {
      guard try body(window) else { return }
    }
  }

  /// Visits what functions say of the same windows. These are put together only where there is something
  /// to add to them.
  func forEachValue(
    _ series: SeriesID, _ level: WindowLevel, from: Timestamp, to: Timestamp,
    added: [StoredWindow], functions: [AggregateFunction],
    _ body: (Timestamp, [Double?]) throws -> Bool
  ) throws {
    let wanted = WindowBlob.Columns(for: functions)
    let withSketch = functions.contains { $0.quantile != nil }
    var added = added[...]
    func visit(_ windows: some Sequence<StoredWindow>) throws -> Bool {
      for window in windows where window.start >= from && window.start <= to {
        guard try body(window.start, functions.map { window.summary.value(of: $0) }) else {
          return false
        }
      }
      return true
    }
    let goesOn = try forEachRow(series, level, from: from, to: to, withSketch: withSketch) { row in
      let columns = try row.withBytes(at: 0) { try WindowColumns($0, wanted) }
      guard columns.count > 0 else { return true }
      let more = added.take(through: columns.start(at: columns.count - 1))
      guard more.isEmpty else {
        let windows = try SQLiteWindows.decode(row, withSketch: withSketch, columns: .all)
        return try visit(windows.merged(with: more))
      }
      return try row.withBytes(at: 1) { sketches in
        try columns.forEach(functions, sketches: withSketch ? sketches : nil) { start, values in
          start < from || start > to ? true : try body(start, values)
        }
      }
    }
    if goesOn { _ = try visit(added) }
  }

  /// Visits the rows of a span; false where it was told to stop. Sketches are not so much as read where nobody wants
  /// percentiles.
  private func forEachRow(
    _ series: SeriesID, _ level: WindowLevel, from: Timestamp, to: Timestamp, withSketch: Bool,
    _ body: (Row) throws -> Bool
  ) throws -> Bool {
    let rows = WindowRowID.rows(series, level, from: from, to: to)
    let statement = try db.cachedStatement(
      sql: """
        SELECT data, \(withSketch ? "sketches" : "NULL") FROM window WHERE id BETWEEN ? AND ?
        ORDER BY id
        """)
    let cursor = try Row.fetchCursor(statement, arguments: [rows.lowerBound, rows.upperBound])
    while let row = try cursor.next() {
      guard try body(row) else { return false }
    }
    return true
  }
}

extension ArraySlice<StoredWindow> {
  /// Takes off the windows that begin at or before a moment.
  fileprivate mutating func take(through time: Timestamp) -> ArraySlice<StoredWindow> {
    let split = firstIndex { $0.start > time } ?? endIndex
    defer { self = self[split...] }
    return self[..<split]
  }
}
