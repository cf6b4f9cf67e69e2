/// Memory that a loop's connections use one after another, for as long as one call takes.
package struct Scratch: ~Copyable {
  /// The first byte; at least `capacity` bytes are writable.
  package private(set) var base: UnsafeMutableRawPointer
  /// How much there is room for.
  package private(set) var capacity: Int
  /// How much is filled.
  package var count = 0
  /// Larger blocks than this are given back as soon as a smaller one does.
  private static let keptBytes = 64 * 1024

  /// An empty one with room for 4 KB.
  package init() {
    capacity = 4096
    base = .allocate(byteCount: capacity, alignment: 16)
  }

  deinit { base.deallocate() }

  /// Empties it and makes room for `needed` bytes.
  package mutating func clear(capacity needed: Int) {
    count = 0
    guard needed > capacity || (capacity > Self.keptBytes && needed <= Self.keptBytes) else {
      return
    }
    base.deallocate()
    capacity = max(4096, needed)
    base = .allocate(byteCount: capacity, alignment: 16)
  }

  /// What is filled; valid until the next change.
  package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }
}
