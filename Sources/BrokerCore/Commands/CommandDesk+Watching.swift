/// Readers of live data who watch a command.
extension CommandDesk {
  /// Tells a reader of live data what becomes of a command, from what this returns on; nil where there
  /// is none.
  ///
  /// - Throws: where the store cannot be read.
  package func watch(
    _ id: String, _ reader: ReaderID
  ) async throws(CommandRefusal) -> CommandView? {
    // Entered before it is read, so that nothing falls in between.
    watchers[id, default: []].insert(reader)
    var isOver = true
    defer { if isOver { unwatch(id, reader) } }
    let view = try await view(id)
    isOver = view?.record.command.status.state.isFinal ?? true
    return view
  }

  /// Tells a reader how commands are now, of whose news it missed some; returns those of which it could
  /// not be told because the store cannot be read, after a while.
  package func tell(_ reader: ReaderID, of commands: [String]) async -> [String] {
    for (index, id) in commands.enumerated() {
      do throws(CommandRefusal) {
        guard let view = try await view(id), let message = CommandJSON.changed(view) else {
          continue
        }
        tellReader(message, reader)
      } catch {
        try? await Task.sleep(for: policy.retryAfter)
        return Array(commands[index...])
      }
    }
    return []
  }

  private func unwatch(_ id: String, _ reader: ReaderID) {
    watchers[id]?.remove(reader)
    if watchers[id]?.isEmpty == true { watchers[id] = nil }
  }

  /// Forgets a reader whose connection has ended.
  package func remove(_ reader: ReaderID) {
    for id in watchers.filter({ $0.value.contains(reader) }).keys { unwatch(id, reader) }
  }
}
