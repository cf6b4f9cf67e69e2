package import BrokerCore
import GRDB
package import TelemetryModel

extension SQLiteStore: RolloutStore {
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

  /// Reads what the broker keeps in memory of rollouts.
  ///
  /// - Throws: ``StoreError``.
  package func activeRollouts() async throws -> [StoredRollout] {
    try await readCommands { try SQLiteRollouts.active($0) }
  }

  /// Reads one rollout on a snapshot.
  ///
  /// - Throws: ``StoreError``.
  package func rollout(_ id: String) async throws -> RolloutRecord? {
    try await readCommands { try SQLiteRollouts.record($0, id) }
  }

  /// Lists rollouts on a snapshot.
  ///
  /// - Throws: ``StoreError``.
  package func rollouts(before: Int64?, limit: Int) async throws -> [RolloutRecord] {
    try await readCommands { try SQLiteRollouts.list($0, before: before, limit: limit) }
  }

  /// Lists a rollout's devices on a snapshot.
  ///
  /// - Throws: ``StoreError``.
  package func parts(
    of rollout: String, after: Int64, limit: Int
  ) async throws -> [RolloutPartRecord] {
    try await readCommands {
      try SQLiteRollouts.parts($0, of: rollout, after: after, limit: limit)
    }
  }

  private func readCommands<Result: Sendable>(
    _ body: @escaping @Sendable (Database) throws -> Result
  ) async throws -> Result {
    try await attempt { [pool] in try await pool.read(body) }
  }
}
