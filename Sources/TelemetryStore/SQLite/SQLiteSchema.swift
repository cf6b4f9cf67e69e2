import GRDB

/// The tables, and how a store written by an older program becomes one of this program's.
///
/// ```
/// device    what the broker remembers of each device
/// series    device + metric + unit, numbered
/// acked     packs stored, as ranges, one row a spool: what makes a pack count once
/// gap       packs given up or refused
/// journal   readings as they were committed, one row a commit, until they are folded
/// progress  how far the journal is folded
/// tail      folded readings of each series that no chunk and no window holds yet
/// chunk     older readings, compressed, hundreds to a row; those of a series do not overlap
/// text      readings of text and bytes, one row each: they are few, and seldom like each other
/// parked    readings that cannot be folded, because a block which they belong to is damaged
/// window    aggregates of all readings that are, or were, in chunks; hundreds to a row
/// command   what devices were told to do, and where each stands
/// rollout   one command for many devices, and where it stands
/// rolloutPart  each device of a rollout
/// audit     what happened to commands and who did it, a line each; append-only
/// run       when which run of the broker began, by commits
/// abilities what each device can be told to do
/// ```
///
/// Times are microseconds since 1970. A new table is a new migration at the end: those before are
/// never changed, every store has been through them.
enum SQLiteSchema {
  static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1: devices, series, readings") { db in
      try db.execute(sql: firstTables)
    }
    migrator.registerMigration("2: labels set by operators") { db in
      try db.execute(
        sql: "ALTER TABLE device ADD COLUMN operatorLabels TEXT NOT NULL DEFAULT '{}'")
    }
    migrator.registerMigration("3: journal, chunks, windows") { db in
      try db.execute(sql: foldedTables)
      try SQLiteFirstLayout.move(in: db)
    }
    migrator.registerMigration("4: readings of text and bytes") { db in
      try db.execute(sql: textTable)
    }
    migrator.registerMigration("5: readings beside damaged blocks") { db in
      try db.execute(sql: parkedTable)
    }
    migrator.registerMigration("commands and their audit") { db in
      try db.execute(sql: commandTables)
    }
    migrator.registerMigration("rollouts") { db in
      try db.execute(sql: rolloutTables)
    }
    migrator.registerMigration("when and why devices went") { db in
      try db.execute(
        sql: """
          ALTER TABLE device ADD COLUMN offlineSince INTEGER;
          ALTER TABLE device ADD COLUMN offlineCause TEXT;
          UPDATE device SET offlineSince = lastSeen;
          """)
    }
    migrator.registerMigration("what readings are") { db in
      try db.execute(
        sql: """
          ALTER TABLE series ADD COLUMN kind TEXT NOT NULL DEFAULT 'number';
          UPDATE series SET kind = 'text' WHERE id IN (SELECT DISTINCT series FROM text);
          """)
    }
    migrator.registerMigration("runs of the broker") { db in
      try db.execute(
        sql: """
          CREATE TABLE run (
            id INTEGER PRIMARY KEY NOT NULL,
            tag INTEGER NOT NULL,
            first INTEGER NOT NULL
          ) STRICT;
          """)
    }
    return migrator
  }

  private static let firstTables = """
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
    """

  private static let parkedTable = """
    CREATE TABLE parked (
      id INTEGER PRIMARY KEY NOT NULL,
      series INTEGER NOT NULL,
      last INTEGER NOT NULL,
      count INTEGER NOT NULL,
      data BLOB NOT NULL
    ) STRICT;
    CREATE INDEX parkedBySeries ON parked (series, last);
    """

  private static let textTable = """
    CREATE TABLE text (
      id INTEGER PRIMARY KEY NOT NULL,
      series INTEGER NOT NULL,
      time INTEGER NOT NULL,
      number INTEGER NOT NULL,
      data BLOB NOT NULL
    ) STRICT;
    CREATE INDEX textBySeries ON text (series, time, id);
    """

  private static let foldedTables = """
    CREATE TABLE journal (
      number INTEGER PRIMARY KEY NOT NULL,
      received INTEGER NOT NULL,
      data BLOB NOT NULL
    ) STRICT;
    CREATE TABLE progress (
      id INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
      folded INTEGER NOT NULL,
      target INTEGER NOT NULL,
      next INTEGER NOT NULL
    ) STRICT;
    INSERT INTO progress VALUES (1, 0, 0, 0);
    CREATE TABLE tail (
      series INTEGER PRIMARY KEY NOT NULL,
      boundary INTEGER,
      first INTEGER,
      last INTEGER,
      count INTEGER NOT NULL,
      data BLOB
    ) STRICT;
    CREATE TABLE chunk (
      id INTEGER PRIMARY KEY NOT NULL,
      series INTEGER NOT NULL,
      first INTEGER NOT NULL,
      last INTEGER NOT NULL,
      count INTEGER NOT NULL,
      data BLOB NOT NULL
    ) STRICT;
    CREATE INDEX chunkBySeries ON chunk (series, first, last);
    CREATE TABLE window (
      id INTEGER PRIMARY KEY NOT NULL,
      data BLOB NOT NULL,
      sketches BLOB NOT NULL
    ) STRICT;
    """
}
