import TelemetryModel

/// How old stored packs are, coarsely: a mark now and then says since when packs are younger.
struct SpoolAges: Hashable, Sendable {
  /// Packs from this number on were stored at this time or later.
  struct Mark: Hashable, Sendable {
    var sequence: UInt64
    var time: Timestamp
  }

  /// Ascending in both.
  private(set) var marks: [Mark] = []
  /// What is too old; nil keeps packs for ever.
  private let limit: Duration?

  init(limit: Duration?) {
    self.limit = limit
  }

  /// A pack is stored.
  /// - Returns: the mark that this makes, to be kept.
  mutating func store(_ sequence: UInt64, at time: Timestamp) -> Mark? {
    guard let limit else { return nil }
    // A hundredth of the limit is near enough. A clock that was set back makes no mark.
    if let last = marks.last, time - last.time < limit / 100 { return nil }
    let mark = Mark(sequence: sequence, time: time)
    marks.append(mark)
    return mark
  }

  /// A mark that was kept.
  mutating func found(_ mark: Mark) {
    guard limit != nil,
      marks.last.map({ $0.time < mark.time && $0.sequence < mark.sequence }) ?? true
    else { return }
    marks.append(mark)
  }

  /// The number up to which packs are too old at this time.
  func expired(at time: Timestamp) -> UInt64? {
    guard let limit, let mark = marks.last(where: { $0.time <= time - limit }) else { return nil }
    return mark.sequence > 1 ? mark.sequence - 1 : nil
  }

  /// Forgets marks that say nothing any more: of what is still stored, this is the oldest.
  mutating func forget(before sequence: UInt64) {
    guard let first = marks.lastIndex(where: { $0.sequence <= sequence }), first > 0 else { return }
    marks.removeFirst(first)
  }
}
