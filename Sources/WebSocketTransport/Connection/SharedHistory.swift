import Synchronization

/// What a peer's window ends with after prepared messages, kept once for all connections that were sent
/// the same ones in the same order: a cohort. The next prepared message is compressed against it, once
/// for all of them (RFC 7692 §7.2.3.2 asks only that the peer's window holds what is looked back on).
///
/// A connection knows its history by number, so it costs eight bytes, and a slow one keeps no message
/// alive. One that leaves out a message, or is sent one of its own, goes on in the next cohort that fits.
final class SharedHistory: Sendable {
  /// Identifies it in this process; never 0, which stands for a window of which nothing is known.
  let number: UInt64
  /// The newest plaintext, oldest byte first.
  let bytes: [UInt8]

  private static let lastNumber = Atomic<UInt64>(0)

  /// The history after a message of `plain` bytes behind `earlier`, of which `limitBytes` are kept.
  init(_ earlier: SharedHistory?, _ plain: UnsafeRawBufferPointer, limitBytes: Int) {
    number = SharedHistory.lastNumber.wrappingAdd(1, ordering: .relaxed).newValue
    let newest = plain.suffix(limitBytes)
    var bytes = Array(earlier?.bytes.suffix(limitBytes - newest.count) ?? [])
    bytes.append(contentsOf: newest)
    self.bytes = bytes
  }
}
