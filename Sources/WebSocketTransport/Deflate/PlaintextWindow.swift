/// The end of what was said so far in one direction, as plain bytes: all that a pooled zlib stream
/// needs to go on where the peer's stream stands. Nothing is allocated before the first message, and
/// never more than a quarter beyond what was seen.
package struct PlaintextWindow: ~Copyable {
  private var storage: UnsafeMutableRawPointer?
  private var capacity: UInt32 = 0
  private var filled: UInt32 = 0
  private let limit: UInt32

  /// A window that will hold at most `limitBytes`: 2^bits of the agreed window, or less for a sender.
  package init(limitBytes: Int) {
    limit = UInt32(clamping: limitBytes)
  }

  deinit { storage?.deallocate() }

  /// The bytes, oldest first; valid until the window is changed.
  package var bytes: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: storage.map { UnsafeRawPointer($0) }, count: Int(filled))
  }

  /// Bytes of memory the window holds.
  package var allocatedBytes: Int { Int(capacity) }

  /// The most it will ever hold.
  package var limitBytes: Int { Int(limit) }

  /// Takes the plaintext of the next message, or part of it.
  package mutating func append(_ added: UnsafeRawBufferPointer) {
    guard limit > 0, let start = added.baseAddress, !added.isEmpty else { return }
    let newest = min(added.count, Int(limit))
    let kept = min(Int(filled), Int(limit) - newest)
    let target = makeRoom(newest + kept, keeping: kept)
    target.advanced(by: kept).copyMemory(from: start + (added.count - newest), byteCount: newest)
    filled = UInt32(newest + kept)
  }

  /// Forgets everything and gives the memory back.
  package mutating func drop() {
    storage?.deallocate()
    storage = nil
    capacity = 0
    filled = 0
  }

  /// Room for `needed` bytes with the last `kept` ones moved to the front.
  private mutating func makeRoom(_ needed: Int, keeping kept: Int) -> UnsafeMutableRawPointer {
    if let storage, needed <= Int(capacity) {
      let source = storage + (Int(filled) - kept)
      if source != storage { storage.copyMemory(from: source, byteCount: kept) }
      return storage
    }
    // A quarter in advance, so that small messages do not each move the whole window.
    let size = min(Int(limit), max(needed, Int(capacity) + Int(capacity) / 4))
    let larger = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 1)
    if let storage {
      larger.copyMemory(from: storage + (Int(filled) - kept), byteCount: kept)
      storage.deallocate()
    }
    storage = larger
    capacity = UInt32(size)
    return larger
  }
}
