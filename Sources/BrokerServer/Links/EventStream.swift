import BrokerCore
import DeviceProtocol
import NIOCore
import TelemetryModel
import WebSocketTransport

/// One reader's stream of events: what a `LiveConnection` is to a WebSocket. Loop-bound.
///
/// What is to be written is handed to the task that answers the request; how much of it waits decides
/// whether the reader takes more. That it takes anything at all is seen by ``ResponsePatience``.
final class EventStream: PacedReader {
  /// A comment goes out when nothing else did for so long: proxies end what is silent.
  static let heartbeat: TimeAmount = .seconds(15)
  /// With more than this many bytes waiting the reader takes no more…
  private static let highWatermarkBytes = 64 << 10
  /// …until fewer than these wait.
  private static let lowWatermarkBytes = 16 << 10
  /// With more than this it is given up.
  private static let maxBufferedBytes = 4 << 20

  let services: LinkServices
  private let channel: any Channel
  private let resources: LoopResources
  private let chunks: AsyncStream<ByteBuffer>.Continuation
  private var coding: StreamCoding
  private var waitingBytes = 0
  private var isWritable = true
  private var hasSpoken = false
  private var isOver = false
  var pace = ReaderPace()
  private(set) var reader: ReaderID?
  private lazy var heartbeatTimer = CallbackTimer { [weak self] _ in self?.beat() }

  /// Call on the channel's loop.
  init(
    services: LinkServices, channel: any Channel, coding: StreamCoding.Name,
    chunks: AsyncStream<ByteBuffer>.Continuation
  ) {
    self.services = services
    self.channel = channel
    self.coding = StreamCoding(coding)
    self.chunks = chunks
    resources = LoopResources.of(channel.eventLoop)
  }

  /// Begins: the head of the coding, and how soon to come back after an interruption. Ends at once
  /// where the broker stops, and is false then.
  func open(retry: Duration) -> Bool {
    channel.limitSendBuffer()
    reader = services.readers.add(self, on: channel.eventLoop)
    write(ByteBuffer(bytes: coding.head))
    send(StreamEvent(Array("retry: \(retry.wholeMicroseconds / 1_000)\n\n".utf8)))
    guard reader != nil else {
      close(code: 1012, reason: "the broker is restarting")
      return false
    }
    resources.wheel.set(heartbeatTimer, at: channel.eventLoop.now + EventStream.heartbeat)
    return true
  }

  /// The request is over.
  func end() {
    guard !isOver else { return }
    isOver = true
    resources.wheel.cancel(heartbeatTimer)
    chunks.finish()
    guard let reader else { return }
    services.readers.remove(reader)
    let hub = services.hub
    Task { await hub.remove(reader) }
  }

  /// So many bytes are on their way.
  func wrote(_ count: Int) {
    waitingBytes -= count
    guard !isWritable, waitingBytes <= EventStream.lowWatermarkBytes else { return }
    isWritable = true
    goOn()
  }

  // MARK: - From the hub

  var isReady: Bool { !isOver && isWritable }

  func deliver(_ message: LiveMessage) {
    send(StreamEvent(message.event))
    // What is refused for the moment is asked for again by whoever comes back.
    if message.isRefusedForNow { close(code: 1013, reason: "busy") }
  }

  func send(_ message: SharedMessage) { send(message.event) }

  func close(code: UInt16, reason: String) {
    guard !isOver else { return }
    write(coding.tail)
    end()
  }

  // MARK: - Writing

  private func send(_ event: StreamEvent) {
    guard !isOver else { return }
    hasSpoken = true
    write(coding.encode(event))
  }

  private func write(_ bytes: ByteBuffer) {
    guard bytes.readableBytes > 0, !isOver else { return }
    waitingBytes += bytes.readableBytes
    chunks.yield(bytes)
    if waitingBytes > EventStream.maxBufferedBytes { return giveUp() }
    if waitingBytes > EventStream.highWatermarkBytes { isWritable = false }
  }

  private func beat() {
    guard !isOver else { return }
    if !hasSpoken { send(EventStream.comment) }
    hasSpoken = false
    resources.wheel.set(heartbeatTimer, at: channel.eventLoop.now + EventStream.heartbeat)
  }

  private static let comment = StreamEvent(Array(":\n\n".utf8))

  /// A stream has no close codes: its connection ends.
  private func giveUp() {
    end()
    channel.close(promise: nil)
  }
}
