import CPrefetch
package import NIOCore
import Synchronization

/// What the connections of one event loop share, so that an idle one holds none of it: zlib streams,
/// buffers, the timing wheel, and the list of those that have something to flush. Loop-bound.
///
/// `@exclusivity(unchecked)` as in `WebSocketConnection`, and for the same reasons.
package final class LoopResources {
  /// The loop all of this belongs to.
  package let eventLoop: any EventLoop
  /// Deadlines of every connection of the loop.
  package let wheel: TimingWheel

  /// Payload on its way from masked to inflated, or compressed to sent.
  @exclusivity(unchecked) var scratch = Scratch()
  @exclusivity(unchecked) var maskKeys = MaskKeys()
  /// Prepared messages of this tick.
  @exclusivity(unchecked) var fanOut = FanOut()

  @exclusivity(unchecked) private var inflaters: [Inflater] = []
  private var deflaters: [Deflater.Shape: Deflater] = [:]
  @exclusivity(unchecked) private var messageBuffer: ByteBuffer?
  @exclusivity(unchecked) private var outboxes: [ByteBuffer] = []
  @exclusivity(unchecked) private var receiveBuffer: ByteBuffer?
  @exclusivity(unchecked) private var toFlush: [Unmanaged<WebSocketConnection>] = []
  private var flushing: [Unmanaged<WebSocketConnection>] = []
  private var flushScheduled = false

  /// Streams kept while nobody uses them.
  private static let keptStreams = 4
  /// Outboxes kept; of the connections with something to send in one tick, most are served one by one.
  private static let keptOutboxes = 16
  /// So many connections ahead memory is asked for what sending needs of them.
  private static let flushesAhead = 2
  /// A buffer that grew beyond this is not kept.
  private static let keptBufferBytes = 64 * 1024

  init(eventLoop: any EventLoop) {
    self.eventLoop = eventLoop
    wheel = TimingWheel(eventLoop: eventLoop)
  }

  // MARK: Streams

  /// Lends a stream for inflating; nil where zlib gets no memory.
  func takeInflater() -> Inflater? {
    inflaters.popLast() ?? Inflater()
  }

  /// Takes back what `takeInflater` lent.
  func giveBack(_ inflater: Inflater) {
    if inflaters.count < Self.keptStreams { inflaters.append(inflater) }
  }

  /// The loop's stream of that shape; compressing one message takes one call, so one is enough. Nil
  /// where zlib gets no memory.
  func deflater(_ shape: Deflater.Shape) -> Deflater? {
    if let deflater = deflaters[shape] { return deflater }
    guard let deflater = Deflater(shape) else { return nil }
    deflaters[shape] = deflater
    return deflater
  }

  // MARK: Buffers

  /// Lends an empty buffer for a message being received.
  func takeMessageBuffer(atLeast bytes: Int) -> ByteBuffer {
    guard var buffer = messageBuffer.take() else {
      return ByteBufferAllocator().buffer(capacity: max(bytes, 2048))
    }
    buffer.clear(minimumCapacity: bytes)
    return buffer
  }

  /// Takes a message's buffer back after delivery. Whoever kept it keeps it: it is used again only
  /// if nobody did.
  func giveBackMessage(_ buffer: consuming ByteBuffer) {
    if buffer.storageCapacity <= Self.keptBufferBytes { messageBuffer = buffer }
  }

  /// Lends an empty buffer for frames to be written in this tick.
  func takeOutbox() -> ByteBuffer {
    guard var buffer = outboxes.popLast() else {
      return ByteBufferAllocator().buffer(capacity: 4096)
    }
    buffer.clear()
    return buffer
  }

  /// Takes an outbox back once it was handed to the channel, which may still hold it.
  func giveBackOutbox(_ buffer: ByteBuffer) {
    guard buffer.storageCapacity <= Self.keptBufferBytes, outboxes.count < Self.keptOutboxes else {
      return
    }
    outboxes.append(buffer)
  }

  /// Lends the buffer that the next read of any connection goes into.
  func takeReceiveBuffer() -> ByteBuffer {
    guard var buffer = receiveBuffer.take() else {
      return ByteBufferAllocator().buffer(capacity: SharedReceiveAllocator.readBytes)
    }
    buffer.clear()
    return buffer
  }

  /// Takes a read's buffer back once it is parsed.
  func giveBackReceive(_ buffer: consuming ByteBuffer) {
    if buffer.storageCapacity == SharedReceiveAllocator.readBytes { receiveBuffer = buffer }
  }

  // MARK: One flush a tick

  /// Has `connection` flushed once what the loop is doing now is done. Called at most once a
  /// connection until then.
  func flushLater(_ connection: WebSocketConnection) {
    // Counted up here and down in `flushAll`, and not once more on each way in and out of an array.
    toFlush.append(.passRetained(connection))
    guard !flushScheduled else { return }
    flushScheduled = true
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    eventLoop.execute { bound.value.flushAll() }
  }

  private func flushAll() {
    flushScheduled = false
    fanOut.clear()
    swap(&toFlush, &flushing)
    for index in flushing.indices {
      if index + Self.flushesAhead < flushing.count {
        let next = UnsafeRawPointer(flushing[index + Self.flushesAhead].toOpaque())
        hawser_prefetch(next, WebSocketConnection.sendingBytes)
      }
      flushing[index].takeRetainedValue().flushTick()
    }
    flushing.removeAll(keepingCapacity: flushing.count <= 4096)
  }
}

/// Masking keys have to be unpredictable (RFC 6455 §10.3), so they come from the system's generator,
/// but not one system call each.
struct MaskKeys {
  private var keys: [UInt32] = []

  mutating func next() -> UInt32 {
    if let key = keys.popLast() { return key }
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<32 {
      let pair: UInt64 = generator.next()
      keys.append(UInt32(truncatingIfNeeded: pair))
      keys.append(UInt32(truncatingIfNeeded: pair >> 32))
    }
    return keys.removeLast()
  }
}

extension LoopResources {
  /// The resources of `eventLoop`, made when the first of its connections asks and gone with the last.
  /// Call on the loop.
  package static func of(_ eventLoop: any EventLoop) -> LoopResources {
    eventLoop.preconditionInEventLoop()
    return registry.withLock { entries in
      let key = ObjectIdentifier(eventLoop)
      // A loop that is gone may have had the same address.
      if let known = entries[key]?.resources, known.eventLoop === eventLoop { return known }
      entries = entries.filter { $0.value.resources != nil }
      let made = LoopResources(eventLoop: eventLoop)
      entries[key] = Entry(resources: made)
      return made
    }
  }

  /// Only looked at under the lock, and only handed out on the loop it belongs to.
  private struct Entry: @unchecked Sendable {
    weak var resources: LoopResources?
  }

  private static let registry = Mutex<[ObjectIdentifier: Entry]>([:])
}
