import TelemetryModel

/// Deadlines in the order in which they come; those that no longer hold are thrown away when they
/// come up.
struct DeadlineHeap: Sendable {
  private struct Entry {
    var time: Timestamp
    var id: String
  }

  private var entries: [Entry] = []

  /// The next one to look at.
  var next: Timestamp? { entries.first?.time }

  var count: Int { entries.count }

  mutating func add(_ id: String, at time: Timestamp) {
    entries.append(Entry(time: time, id: id))
    var child = entries.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard entries[child].time < entries[parent].time else { return }
      entries.swapAt(child, parent)
      child = parent
    }
  }

  /// Takes off the earliest that is due; nil where none is.
  mutating func popDue(now: Timestamp) -> String? {
    guard let first = entries.first, first.time <= now else { return nil }
    let last = entries.removeLast()
    if !entries.isEmpty {
      entries[0] = last
      sink()
    }
    return first.id
  }

  private mutating func sink() {
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < entries.count && entries[child].time < entries[least].time {
        least = child
      }
      guard least != parent else { return }
      entries.swapAt(parent, least)
      parent = least
    }
  }
}
