import BrokerCore
import DeviceProtocol
import GRDB
import TelemetryModel

/// Reads and writes the rows of commands, their audit, and what devices can be told to do.
enum SQLiteCommands {
  // MARK: - Writing

  static func write(_ changes: [CommandChange], to db: Database) throws {
    for change in changes {
      switch change {
      case .new(let command): try insert(command, into: db)
      case .status(let id, let status): try update(id, status, in: db)
      case .audit(let line): try append(line, to: db)
      case .rollout(let plan, let status, let parts):
        try SQLiteRollouts.insert(plan, status, parts, into: db)
      case .rolloutStatus(let id, let status): try SQLiteRollouts.update(id, status, in: db)
      case .part(let id, let part): try SQLiteRollouts.update(id, part, in: db)
      case .abilities(let device, let abilities): try save(abilities, of: device, in: db)
      }
    }
  }

  private static func insert(_ command: StoredCommand, into db: Database) throws {
    let order = command.order
    try db.cachedStatement(
      sql: """
        INSERT INTO command (id, device, name, params, created, expires, runLimit, actor, rollout,
          key, request, state, since, attempts, stateActor, isFinal)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)
        """
    ).execute(arguments: [
      order.id, order.device.string, order.name, JSONValue.object(order.params).description,
      order.created.microseconds, order.expires.microseconds, order.runLimit.wholeMicroseconds,
      order.actor, order.rollout, order.key, order.request, command.status.state.rawValue,
      command.status.since.microseconds, command.status.attempts,
      command.status.actor.description,
    ])
    if command.status.state != .queued { try update(order.id, command.status, in: db) }
  }

  private static func update(_ id: String, _ status: CommandStatus, in db: Database) throws {
    try db.cachedStatement(
      sql: """
        UPDATE command SET state = ?, since = ?, attempts = ?, stateActor = ?, isFinal = ?,
          cancelTime = ?, cancelActor = ?, result = ? WHERE id = ?
        """
    ).execute(arguments: [
      status.state.rawValue, status.since.microseconds, status.attempts,
      status.actor.description, status.state.isFinal, status.cancelled?.time.microseconds,
      status.cancelled?.actor, status.result?.json.description, id,
    ])
  }

  private static func append(_ line: AuditLine, to db: Database) throws {
    try db.cachedStatement(
      sql: """
        INSERT INTO audit (time, actor, event, device, command, rollout, cause, detail)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """
    ).execute(arguments: [
      line.time.microseconds, line.actor, line.event, line.device?.string, line.command,
      line.rollout, line.cause, line.detail?.description,
    ])
  }

  private static func save(
    _ abilities: DeviceAbilities?, of device: DeviceID, in db: Database
  ) throws {
    guard let abilities else {
      return try db.cachedStatement(sql: "DELETE FROM abilities WHERE device = ?")
        .execute(arguments: [device.string])
    }
    var json = JSONWriter()
    json.array { json in
      for command in abilities.commands {
        json.element()
        command.write(into: &json)
      }
    }
    try db.cachedStatement(
      sql: """
        INSERT INTO abilities (device, commands, atOnce) VALUES (?, ?, ?)
        ON CONFLICT (device) DO UPDATE SET commands = excluded.commands, atOnce = excluded.atOnce
        """
    ).execute(arguments: [
      device.string, String(decoding: json.bytes, as: UTF8.self), abilities.atOnce,
    ])
  }

  // MARK: - Reading

  static func contents(_ db: Database) throws -> CommandContents {
    let rows = try Row.fetchCursor(
      db, sql: "SELECT * FROM command WHERE isFinal = 0 ORDER BY number")
    var contents = CommandContents()
    while let row = try rows.next() { contents.commands.append(try command(row)) }
    // Devices of one kind say the same: they share one copy.
    var shared: [String: [CommandDeclaration]] = [:]
    let profiles = try Row.fetchCursor(db, sql: "SELECT device, commands, atOnce FROM abilities")
    while let row = try profiles.next() {
      let text: String = row[1]
      let commands = try shared[text] ?? declarations(text)
      shared[text] = commands
      contents.profiles[try DeviceID(row[0])] = DeviceAbilities(commands: commands, atOnce: row[2])
    }
    return contents
  }

  private static func declarations(_ text: String) throws -> [CommandDeclaration] {
    try (JSONValue(parsing: Array(text.utf8).span).array ?? []).map {
      try CommandDeclaration(json: $0)
    }
  }

  static func record(_ db: Database, where condition: String, _ arguments: StatementArguments)
    throws -> CommandRecord?
  {
    let row = try Row.fetchOne(
      db.cachedStatement(sql: "SELECT * FROM command WHERE \(condition)"), arguments: arguments)
    guard let row else { return nil }
    let command = try command(row)
    let events = try Row.fetchAll(
      db.cachedStatement(
        sql: "SELECT event, time, cause, actor FROM audit WHERE command = ? ORDER BY number"),
      arguments: [command.order.id])
    return CommandRecord(
      command: command,
      events: events.compactMap { row in
        CommandEvent.kind(row[0]).map {
          CommandEvent(
            kind: $0, time: Timestamp(microseconds: row[1]), cause: row[2],
            actor: CommandActor(row[3]))
        }
      })
  }

  static func list(_ db: Database, _ query: CommandQuery) throws -> [NumberedCommand] {
    var conditions = ["number < ?"]
    var arguments: StatementArguments = [query.before ?? Int64.max]
    func add(_ condition: String, _ value: String?) {
      guard let value else { return }
      conditions.append(condition)
      arguments += [value]
    }
    add("device = ?", query.device?.string)
    add("rollout = ?", query.rollout)
    add("state = ?", query.state?.rawValue)
    arguments += [query.limit]
    let rows = try Row.fetchAll(
      db,
      sql: """
        SELECT * FROM command WHERE \(conditions.joined(separator: " AND "))
        ORDER BY number DESC LIMIT ?
        """, arguments: arguments)
    return try rows.map { NumberedCommand(number: $0["number"], command: try command($0)) }
  }

  static func audit(_ db: Database, _ query: AuditQuery) throws -> [AuditEntry] {
    var conditions = ["number > ?", "time >= ?", "time < ?"]
    var arguments: StatementArguments = [
      query.after, query.from.microseconds, query.to.microseconds,
    ]
    func add(_ condition: String, _ value: String?) {
      guard let value else { return }
      conditions.append(condition)
      arguments += [value]
    }
    add("device = ?", query.device?.string)
    add("command = ?", query.command)
    add("rollout = ?", query.rollout)
    arguments += [query.limit]
    let rows = try Row.fetchAll(
      db,
      sql: """
        SELECT * FROM audit WHERE \(conditions.joined(separator: " AND "))
        ORDER BY number LIMIT ?
        """, arguments: arguments)
    return try rows.map { row in
      let device: String? = row["device"]
      let detail: String? = row["detail"]
      return AuditEntry(
        number: row["number"],
        line: AuditLine(
          time: Timestamp(microseconds: row["time"]), actor: row["actor"], event: row["event"],
          device: try device.map { try DeviceID($0) }, command: row["command"],
          rollout: row["rollout"], cause: row["cause"],
          detail: try detail.map { try JSONValue(parsing: Array($0.utf8).span) }))
    }
  }

  private static func command(_ row: Row) throws -> StoredCommand {
    let params: String = row["params"]
    let state: String = row["state"]
    guard let phase = CommandPhase(rawValue: state),
      let object = try JSONValue(parsing: Array(params.utf8).span).object
    else { throw StoreError.unusable("a command is damaged: \(row["id"] as String)") }
    let order = CommandOrder(
      id: row["id"], device: try DeviceID(row["device"]), name: row["name"], params: object,
      created: Timestamp(microseconds: row["created"]),
      expires: Timestamp(microseconds: row["expires"]),
      runLimit: .microseconds(row["runLimit"] as Int64), actor: row["actor"],
      rollout: row["rollout"], key: row["key"], request: row["request"])
    var status = CommandStatus(
      state: phase, since: Timestamp(microseconds: row["since"]), attempts: row["attempts"],
      actor: CommandActor(row["stateActor"]))
    if let time: Int64 = row["cancelTime"] {
      status.cancelled = CommandStatus.CancelRequest(
        time: Timestamp(microseconds: time), actor: row["cancelActor"] ?? "")
    }
    // As JSON: what a program printed may hold the zero at which SQLite's texts end.
    if let result: String = row["result"] {
      status.result = CommandResult(json: try JSONValue(parsing: Array(result.utf8).span))
    }
    return StoredCommand(order: order, status: status)
  }
}

extension SQLiteSchema {
  /// Commands and what happened to them. Lines of the audit are never changed and never taken away.
  static let commandTables = """
    CREATE TABLE command (
      number INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
      id TEXT NOT NULL UNIQUE,
      device TEXT NOT NULL,
      name TEXT NOT NULL,
      params TEXT NOT NULL,
      created INTEGER NOT NULL,
      expires INTEGER NOT NULL,
      runLimit INTEGER NOT NULL,
      actor TEXT NOT NULL,
      rollout TEXT,
      key TEXT,
      request TEXT NOT NULL,
      state TEXT NOT NULL,
      since INTEGER NOT NULL,
      attempts INTEGER NOT NULL,
      stateActor TEXT NOT NULL,
      isFinal INTEGER NOT NULL,
      cancelTime INTEGER,
      cancelActor TEXT,
      result TEXT
    ) STRICT;
    CREATE INDEX commandByDevice ON command (device, number);
    CREATE UNIQUE INDEX commandByKey ON command (device, key) WHERE key IS NOT NULL;
    CREATE INDEX commandByRollout ON command (rollout, number) WHERE rollout IS NOT NULL;
    CREATE INDEX commandActive ON command (number) WHERE isFinal = 0;
    CREATE TABLE audit (
      number INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
      time INTEGER NOT NULL,
      actor TEXT NOT NULL,
      event TEXT NOT NULL,
      device TEXT,
      command TEXT,
      rollout TEXT,
      cause TEXT NOT NULL,
      detail TEXT
    ) STRICT;
    CREATE INDEX auditByCommand ON audit (command, number) WHERE command IS NOT NULL;
    CREATE TRIGGER auditIsNotChanged BEFORE UPDATE ON audit
      BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
    CREATE TRIGGER auditIsNotCut BEFORE DELETE ON audit
      BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
    CREATE TABLE abilities (
      device TEXT PRIMARY KEY NOT NULL,
      commands TEXT NOT NULL,
      atOnce INTEGER NOT NULL
    ) WITHOUT ROWID, STRICT;
    """
}
