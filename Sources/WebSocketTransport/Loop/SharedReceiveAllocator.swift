import NIOCore

/// Lets all connections of a loop read into one buffer, so that an idle one has none.
///
/// NIO keeps the first buffer it is given for as long as the channel lives; that one is as small as can
/// be. Later ones it lets go of after each read (`nextBufferSize()` nil, `record` true,
/// `maxMessagesPerRead` 1), and the connection gives them back to the loop.
struct SharedReceiveAllocator: RecvByteBufferAllocator, @unchecked Sendable {
  /// How much one read takes in.
  static let readBytes = 64 * 1024

  private static let firstBytes = 64
  private let resources: LoopResources
  private var hasRead = false

  init(resources: LoopResources) {
    self.resources = resources
  }

  // Called by the channel, on its loop; hence `@unchecked Sendable`.
  func buffer(allocator: ByteBufferAllocator) -> ByteBuffer {
    hasRead ? resources.takeReceiveBuffer() : allocator.buffer(capacity: Self.firstBytes)
  }

  func nextBufferSize() -> Int? { nil }

  mutating func record(actualReadBytes: Int) -> Bool {
    hasRead = true
    return true
  }
}

extension Channel {
  /// Has the channel read into its loop's shared buffer from now on. Call on the loop, before the
  /// channel reads for the first time.
  func readIntoSharedBuffer(of resources: LoopResources) throws {
    guard let options = syncOptions else { return }
    try options.setOption(
      .recvAllocator, value: SharedReceiveAllocator(resources: resources))
    try options.setOption(.maxMessagesPerRead, value: 1)
  }

  /// Goes back to the buffer of its own that other protocols' handlers count on.
  func readIntoOwnBuffer() throws {
    guard let options = syncOptions else { return }
    try options.setOption(.recvAllocator, value: AdaptiveRecvByteBufferAllocator())
    try options.setOption(.maxMessagesPerRead, value: 4)
  }
}
