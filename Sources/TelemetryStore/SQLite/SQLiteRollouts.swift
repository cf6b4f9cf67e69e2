import BrokerCore
import GRDB
import TelemetryModel

/// Reads and writes the rows of rollouts and their devices.
enum SQLiteRollouts {
  /// A device's state: what its command says, or else its own word.
  private static let state =
    "CASE WHEN part.command IS NULL THEN part.state ELSE coalesce(command.state, part.state) END"

  // MARK: - Writing

  static func insert(
    _ plan: RolloutPlan, _ status: RolloutStatus, _ parts: [RolloutPart], into db: Database
  ) throws {
    try db.cachedStatement(
      sql: """
        INSERT INTO rollout (id, request, created, expires, actor, state, cause, forgivenFailures,
          forgivenSuccesses, isOver) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """
    ).execute(arguments: [
      plan.id, plan.order.description, plan.created.microseconds, plan.expires.microseconds,
      plan.actor, status.state.rawValue, status.cause, status.forgivenFailures,
      status.forgivenSuccesses, status.state.isOver,
    ])
    let statement = try db.cachedStatement(
      sql: """
        INSERT INTO rolloutPart (rollout, device, state, command, cause) VALUES (?, ?, ?, ?, ?)
        """)
    for part in parts {
      let row = Columns(part.part)
      try statement.execute(arguments: [
        plan.id, part.device.string, part.part.word, row.command, row.cause,
      ])
    }
  }

  static func update(_ id: String, _ status: RolloutStatus, in db: Database) throws {
    try db.cachedStatement(
      sql: """
        UPDATE rollout SET state = ?, cause = ?, forgivenFailures = ?, forgivenSuccesses = ?,
          isOver = ? WHERE id = ?
        """
    ).execute(arguments: [
      status.state.rawValue, status.cause, status.forgivenFailures, status.forgivenSuccesses,
      status.state.isOver, id,
    ])
  }

  static func update(_ id: String, _ part: RolloutPart, in db: Database) throws {
    let row = Columns(part.part)
    try db.cachedStatement(
      sql: """
        UPDATE rolloutPart SET state = ?, command = ?, cause = ? WHERE rollout = ? AND device = ?
        """
    ).execute(arguments: [part.part.word, row.command, row.cause, id, part.device.string])
  }

  private struct Columns {
    var command: String?
    var cause: String?

    init(_ part: Rollout.Part) {
      switch part {
      case .ordered(let id): command = id
      case .rejected(let reason): cause = reason
      case .waiting, .expired, .skipped: break
      }
    }
  }

  // MARK: - Reading

  static func active(_ db: Database) throws -> [StoredRollout] {
    // One that was cancelled is over, but not before the commands that it has under way.
    try Row.fetchAll(db, sql: "SELECT * FROM rollout WHERE isOver = 0 ORDER BY number").map { row in
      var stored = StoredRollout(
        plan: try plan(row), status: status(row), parts: [], outcomes: [:])
      let rows = try Row.fetchCursor(
        db,
        sql: """
          SELECT part.device, part.state, part.command, part.cause, command.state, command.isFinal
          FROM rolloutPart AS part LEFT JOIN command ON command.id = part.command
          WHERE part.rollout = ? ORDER BY part.number
          """, arguments: [stored.plan.id])
      while let row = try rows.next() {
        let device = try DeviceID(row[0])
        stored.parts.append(RolloutPart(device: device, part: part(row)))
        if let command: String = row[2], let state: String = row[4], row[5] == true,
          let phase = CommandPhase(rawValue: state)
        {
          stored.outcomes[command] = phase
        }
      }
      return stored
    }
  }

  private static func part(_ row: Row) -> Rollout.Part {
    switch row[1] as String {
    case "ordered": .ordered(command: row[2] ?? "")
    case "rejected": .rejected(row[3] ?? "")
    case "expired": .expired
    case "skipped": .skipped
    default: .waiting
    }
  }

  private static func plan(_ row: Row) throws -> RolloutPlan {
    let text: String = row["request"]
    return RolloutPlan(
      try RolloutWish(json: JSONValue(parsing: Array(text.utf8).span)), id: row["id"],
      actor: row["actor"], created: Timestamp(microseconds: row["created"]),
      expires: Timestamp(microseconds: row["expires"]))
  }

  private static func status(_ row: Row) -> RolloutStatus {
    RolloutStatus(
      state: Rollout.State(rawValue: row["state"]) ?? .stopped, cause: row["cause"],
      forgivenFailures: row["forgivenFailures"], forgivenSuccesses: row["forgivenSuccesses"])
  }

  static func record(_ db: Database, _ id: String) throws -> RolloutRecord? {
    try Row.fetchOne(db, sql: "SELECT * FROM rollout WHERE id = ?", arguments: [id])
      .map { try record(db, $0) }
  }

  static func list(_ db: Database, before: Int64?, limit: Int) throws -> [RolloutRecord] {
    try Row.fetchAll(
      db, sql: "SELECT * FROM rollout WHERE number < ? ORDER BY number DESC LIMIT ?",
      arguments: [before ?? .max, limit]
    ).map { try record(db, $0) }
  }

  private static func record(_ db: Database, _ row: Row) throws -> RolloutRecord {
    let plan = try plan(row)
    let rows = try Row.fetchAll(
      db,
      sql: """
        SELECT \(state), count(*) FROM rolloutPart AS part
        LEFT JOIN command ON command.id = part.command WHERE part.rollout = ? GROUP BY 1
        """, arguments: [plan.id])
    var counts: [String: Int] = [:]
    for row in rows { counts[row[0]] = row[1] }
    return RolloutRecord(number: row["number"], plan: plan, status: status(row), counts: counts)
  }

  static func parts(
    _ db: Database, of rollout: String, after: Int64, limit: Int
  ) throws -> [RolloutPartRecord] {
    try Row.fetchAll(
      db,
      sql: """
        SELECT part.number, part.device, part.command, \(state), part.cause
        FROM rolloutPart AS part LEFT JOIN command ON command.id = part.command
        WHERE part.rollout = ? AND part.number > ? ORDER BY part.number LIMIT ?
        """, arguments: [rollout, after, limit]
    ).map { row in
      RolloutPartRecord(
        number: row[0], device: try DeviceID(row[1]), command: row[2], state: row[3],
        cause: row[4])
    }
  }
}

extension SQLiteSchema {
  /// Rollouts and each of their devices.
  static let rolloutTables = """
    CREATE TABLE rollout (
      number INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
      id TEXT NOT NULL UNIQUE,
      request TEXT NOT NULL,
      created INTEGER NOT NULL,
      expires INTEGER NOT NULL,
      actor TEXT NOT NULL,
      state TEXT NOT NULL,
      cause TEXT NOT NULL,
      forgivenFailures INTEGER NOT NULL,
      forgivenSuccesses INTEGER NOT NULL,
      isOver INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE rolloutPart (
      number INTEGER PRIMARY KEY NOT NULL,
      rollout TEXT NOT NULL,
      device TEXT NOT NULL,
      state TEXT NOT NULL,
      command TEXT,
      cause TEXT,
      UNIQUE (rollout, device)
    ) STRICT;
    CREATE INDEX rolloutPartByPlace ON rolloutPart (rollout, number);
    """
}
