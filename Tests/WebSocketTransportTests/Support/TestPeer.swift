import NIOCore
import NIOEmbedded
import TestValues
import Testing
import WebSocketTransport

/// A connection in an embedded channel, and this end of the wire in frames.
final class TestPeer {
  struct Frame: Equatable {
    var fin = true
    var compressed = false
    var opcode: Opcode
    var payload: [UInt8]

    var text: String { String(decoding: payload, as: UTF8.self) }
  }

  let channel: EmbeddedChannel
  let delegate = RecordingDelegate()
  let connection: WebSocketConnection
  let role: WebSocketRole
  private var received: [UInt8] = []
  private var generator = Seeded(7)

  /// `role` is the connection's, not this peer's. Connections on one `loop` share what a loop shares.
  init(
    role: WebSocketRole = .server, _ configuration: WebSocketConfiguration = .init(),
    deflate: DeflateParameters? = nil, loop: EmbeddedEventLoop = .init()
  ) throws {
    self.role = role
    channel = EmbeddedChannel(loop: loop)
    connection = WebSocketConnection(
      role: role, shared: SharedConfiguration(configuration),
      resources: .of(channel.eventLoop), subprotocol: nil, deflate: deflate, delegate: delegate)
    try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    try channel.pipeline.syncOperations.addHandler(connection)
  }

  /// The bytes of a frame as this peer sends it.
  func encode(_ frame: Frame) -> [UInt8] {
    let key = role == .server ? UInt32.random(in: .min ... .max, using: &generator) : nil
    let header = FrameHeader(
      fin: frame.fin, compressed: frame.compressed, opcode: frame.opcode, maskKey: key,
      length: frame.payload.count)
    var bytes = [UInt8](unsafeUninitializedCapacity: FrameHeader.maximumBytes) { buffer, count in
      count = header.write(to: UnsafeMutableRawBufferPointer(buffer))
    }
    var payload = frame.payload
    if let key {
      payload.withUnsafeMutableBytes { raw in
        guard let start = raw.baseAddress else { return }
        Masking.apply(key, from: start, to: start, count: raw.count)
      }
    }
    bytes += payload
    return bytes
  }

  func send(_ bytes: [UInt8]) {
    guard channel.isActive else { return }
    _ = try? channel.writeInbound(ByteBuffer(bytes: bytes))
    channel.embeddedEventLoop.run()
  }

  func send(_ frames: Frame...) {
    send(frames.flatMap(encode))
  }

  func send(
    _ opcode: Opcode, _ text: String, fin: Bool = true, compressed: Bool = false
  ) {
    send(Frame(fin: fin, compressed: compressed, opcode: opcode, payload: Array(text.utf8)))
  }

  /// All whole frames that the connection has sent and that were not asked for yet.
  func frames() throws -> [Frame] {
    channel.embeddedEventLoop.run()
    while let buffer = try channel.readOutbound(as: ByteBuffer.self) {
      received += Array(buffer.readableBytesView)
    }
    var frames: [Frame] = []
    while !received.isEmpty {
      let reading = received.withUnsafeBytes { FrameHeader.read($0, at: 0) }
      guard case .header(let header, let size) = reading,
        received.count >= size + header.length
      else { break }
      var payload = Array(received[size..<size + header.length])
      #expect((header.maskKey != nil) == (role == .client))
      if let key = header.maskKey {
        payload.withUnsafeMutableBytes { raw in
          guard let start = raw.baseAddress else { return }
          Masking.apply(key, from: start, to: start, count: raw.count)
        }
      }
      frames.append(
        Frame(
          fin: header.fin, compressed: header.compressed, opcode: header.opcode, payload: payload))
      received.removeFirst(size + header.length)
    }
    return frames
  }

  /// The code of the only Close frame among what was sent.
  func closeCode() throws -> UInt16? {
    let closes = try frames().filter { $0.opcode == .close }
    guard closes.count == 1, closes[0].payload.count >= 2 else { return nil }
    return UInt16(closes[0].payload[0]) << 8 | UInt16(closes[0].payload[1])
  }
}
