import GRDB

/// The tables, and how a store written by an older program becomes one of this program's.
///
/// ```
/// device    what the broker remembers of each device
/// series    device + metric + unit, numbered
/// acked     packs stored, as ranges, one row a spool: what makes a pack count once
/// gap       packs given up or refused
/// commitLog which rows of `sample` each commit wrote
/// sample    readings; rowid order is the order of arrival
/// ```
///
/// Times are microseconds since 1970.
enum SQLiteSchema {
  static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1: devices, series, readings") { db in
      try db.execute(
        sql: """
          CREATE TABLE device (
            id TEXT PRIMARY KEY NOT NULL,
            labels TEXT NOT NULL,
            agentName TEXT,
            agentVersion TEXT,
            lastSeen INTEGER NOT NULL
          ) WITHOUT ROWID, STRICT;
          CREATE TABLE series (
            id INTEGER PRIMARY KEY NOT NULL,
            device TEXT NOT NULL,
            metric TEXT NOT NULL,
            unit TEXT,
            UNIQUE (device, metric)
          ) STRICT;
          CREATE TABLE acked (
            device TEXT NOT NULL,
            epoch TEXT NOT NULL,
            ranges TEXT NOT NULL,
            PRIMARY KEY (device, epoch)
          ) WITHOUT ROWID, STRICT;
          CREATE TABLE gap (
            id INTEGER PRIMARY KEY NOT NULL,
            device TEXT NOT NULL,
            epoch TEXT NOT NULL,
            first INTEGER NOT NULL,
            last INTEGER NOT NULL,
            reason TEXT NOT NULL,
            reported INTEGER NOT NULL
          ) STRICT;
          CREATE INDEX gapByDevice ON gap (device, reported);
          CREATE TABLE commitLog (
            number INTEGER PRIMARY KEY NOT NULL,
            lastRow INTEGER NOT NULL
          ) STRICT;
          CREATE TABLE sample (
            id INTEGER PRIMARY KEY NOT NULL,
            series INTEGER NOT NULL,
            time INTEGER NOT NULL,
            value REAL NOT NULL
          ) STRICT;
          CREATE INDEX sampleBySeries ON sample (series, time, value);
          """)
    }
    migrator.registerMigration("2: labels set by operators") { db in
      try db.execute(
        sql: "ALTER TABLE device ADD COLUMN operatorLabels TEXT NOT NULL DEFAULT '{}'")
    }
    return migrator
  }
}
