/// What is known of the paths this device used, the one used last first. Bounded: a device that
/// travels forgets where it was long ago.
package struct PathMemory: Hashable, Sendable {
  /// The most paths remembered.
  package static let capacity = 32

  /// A path and what is known of it.
  struct Entry: Hashable, Sendable {
    var key: PathKey
    var record: PathRecord
  }

  private(set) var entries: [Entry] = []

  /// Nothing known.
  package init() {}

  init(entries: [Entry]) {
    self.entries = Array(entries.prefix(Self.capacity))
  }

  /// What is known of a path; setting makes it the one used last.
  package subscript(key: PathKey) -> PathRecord {
    get { entries.first { $0.key == key }?.record ?? PathRecord() }
    set {
      if entries.first?.key == key {
        entries[0].record = newValue
        return
      }
      entries.removeAll { $0.key == key }
      entries.insert(Entry(key: key, record: newValue), at: 0)
      if entries.count > Self.capacity { entries.removeLast() }
    }
  }
}
