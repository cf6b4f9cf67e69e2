package import BrokerCore
import GRDB
package import TelemetryModel

extension SQLiteStore: CommandStore {
  /// Reads what the broker keeps in memory.
  ///
  /// - Throws: ``StoreError``.
  package func activeCommands() async throws -> CommandContents {
    try await readCommands { try SQLiteCommands.contents($0) }
  }

  /// Writes changes in one transaction, synced to the disk before this returns.
  ///
  /// - Throws: ``StoreError``.
  package func write(_ changes: [CommandChange]) async throws {
    try await attempt { try await write { db in try SQLiteCommands.write(changes, to: db) } }
  }

  /// Reads one command on a snapshot.
  ///
  /// - Throws: ``StoreError``.
  package func command(_ id: String) async throws -> CommandRecord? {
    try await readCommands { try SQLiteCommands.record($0, where: "id = ?", [id]) }
  }

  /// Reads the command that was ordered under a key on a snapshot.
  ///
  /// - Throws: ``StoreError``.
  package func command(for device: DeviceID, key: String) async throws -> CommandRecord? {
    try await readCommands {
      try SQLiteCommands.record($0, where: "device = ? AND key = ?", [device.string, key])
    }
  }

  /// Lists commands on a snapshot.
  ///
  /// - Throws: ``StoreError``.
  package func commands(_ query: CommandQuery) async throws -> [NumberedCommand] {
    try await readCommands { try SQLiteCommands.list($0, query) }
  }

  /// Reads the audit on a snapshot.
  ///
  /// - Throws: ``StoreError``.
  package func audit(_ query: AuditQuery) async throws -> [AuditEntry] {
    try await readCommands { try SQLiteCommands.audit($0, query) }
  }

  private func readCommands<Result: Sendable>(
    _ body: @escaping @Sendable (Database) throws -> Result
  ) async throws -> Result {
    try await attempt { [pool] in try await pool.read(body) }
  }
}
