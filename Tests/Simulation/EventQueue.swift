/// Microseconds since a simulation began.
typealias Moment = Int64

extension Duration {
  /// A moment as the machines know it.
  init(_ moment: Moment) { self = .microseconds(moment) }

  /// The first whole microsecond that is not before this.
  var moment: Moment {
    let (seconds, attoseconds) = components
    return seconds * 1_000_000 + (attoseconds + 999_999_999_999) / 1_000_000_000_000
  }
}

extension Double {
  /// Seconds as a distance between moments.
  var asSeconds: Moment { Moment(self * 1_000_000) }
}

/// What is to happen, soonest first; at the same moment in the order in which it was put in.
struct EventQueue<Event> {
  /// A place in the heap; the events themselves, which are large, stay where they are.
  private struct Entry {
    var at: Moment
    var order: UInt64
    var slot: Int

    func isBefore(_ other: Entry) -> Bool {
      at == other.at ? order < other.order : at < other.at
    }
  }

  private var heap: [Entry] = []
  private var slots: [Event?] = []
  private var freeSlots: [Int] = []
  private var count: UInt64 = 0

  /// When the next thing happens; nil where nothing does.
  var nextMoment: Moment? { heap.first?.at }

  mutating func put(_ event: Event, at moment: Moment) {
    count += 1
    let slot: Int
    if let free = freeSlots.popLast() {
      slot = free
      slots[slot] = event
    } else {
      slot = slots.count
      slots.append(event)
    }
    let entry = Entry(at: moment, order: count, slot: slot)
    heap.append(entry)
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard entry.isBefore(heap[parent]) else { break }
      heap[child] = heap[parent]
      child = parent
    }
    heap[child] = entry
  }

  mutating func take() -> (at: Moment, event: Event)? {
    guard let first = heap.first, let event = slots[first.slot] else { return nil }
    slots[first.slot] = nil
    freeSlots.append(first.slot)
    let last = heap.removeLast()
    if !heap.isEmpty { sink(last) }
    return (first.at, event)
  }

  /// Puts an entry where the root was.
  private mutating func sink(_ entry: Entry) {
    var parent = 0
    while true {
      var child = 2 * parent + 1
      guard child < heap.count else { break }
      if child + 1 < heap.count, heap[child + 1].isBefore(heap[child]) { child += 1 }
      guard heap[child].isBefore(entry) else { break }
      heap[parent] = heap[child]
      parent = child
    }
    heap[parent] = entry
  }
}
