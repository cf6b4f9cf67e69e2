import CZlib
import NIOCore
import NIOHTTP1
import WebSocketTransport

/// The WebSocket server of a textbook, to compare with: one zlib stream a direction and connection, at
/// zlib's defaults, kept open as long as the connection is. Complete messages in single frames only.
final class TextbookConnection: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private var deflater = z_stream()
  private var inflater = z_stream()
  private var bytes = ByteBuffer()
  private var isOpen = false
  private let received: (TextbookConnection, ChannelHandlerContext, ByteBuffer) -> Void
  private let opened: (TextbookConnection, ChannelHandlerContext) -> Void

  init(
    received: @escaping (TextbookConnection, ChannelHandlerContext, ByteBuffer) -> Void,
    opened: @escaping (TextbookConnection, ChannelHandlerContext) -> Void
  ) {
    self.received = received
    self.opened = opened
    hawser_deflate_init(&deflater, 6, 15, 8)
    hawser_inflate_init(&inflater, 15)
  }

  deinit {
    deflateEnd(&deflater)
    inflateEnd(&inflater)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var arrived = unwrapInboundIn(data)
    bytes.writeBuffer(&arrived)
    if !isOpen { shakeHands(context) }
    while isOpen, takeFrame(context) {}
  }

  private func shakeHands(_ context: ChannelHandlerContext) {
    guard case .head(let head, let size) = HTTPHead.request(bytes.readableBytesView) else { return }
    bytes.moveReaderIndex(forwardBy: size)
    var settings = DeflateSettings()
    settings.peerWindowBits = 15
    let acceptance = WebSocketAcceptance { Nobody() }
    guard
      case .accept(let headers, _, _) = ServerHandshake.answer(
        head, acceptance: acceptance, compression: settings)
    else { return context.close(promise: nil) }
    isOpen = true
    var answer = "HTTP/1.1 101 Switching Protocols\r\n"
    for (name, value) in headers { answer += "\(name): \(value)\r\n" }
    context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer + "\r\n")), promise: nil)
    opened(self, context)
  }

  private func takeFrame(_ context: ChannelHandlerContext) -> Bool {
    let reading = bytes.withUnsafeReadableBytes { FrameHeader.read($0, at: 0) }
    guard case .header(let header, let size) = reading,
      bytes.readableBytes >= size + header.length
    else { return false }
    bytes.moveReaderIndex(forwardBy: size)
    guard var payload = bytes.readBytes(length: header.length) else { return false }
    bytes.discardReadBytes()
    if let key = header.maskKey {
      payload.withUnsafeMutableBytes { raw in
        guard let start = raw.baseAddress else { return }
        Masking.apply(key, from: start, to: start, count: raw.count)
      }
    }
    guard !header.opcode.isControl else {
      context.close(promise: nil)
      return false
    }
    let plain = header.compressed ? inflate(payload) : payload
    let isText = plain.withUnsafeBytes { raw in
      var checker = UTF8Checker()
      return checker.take(raw) && checker.isComplete
    }
    if isText { received(self, context, ByteBuffer(bytes: plain)) }
    return true
  }

  private func inflate(_ payload: [UInt8]) -> [UInt8] {
    var input = payload + [0, 0, 0xFF, 0xFF]
    var output = [UInt8](repeating: 0, count: 4096)
    let count = input.withUnsafeMutableBufferPointer { source in
      output.withUnsafeMutableBufferPointer { target in
        inflater.next_in = source.baseAddress
        inflater.avail_in = UInt32(source.count)
        inflater.next_out = target.baseAddress
        inflater.avail_out = UInt32(target.count)
        CZlib.inflate(&inflater, Z_SYNC_FLUSH)
        return target.count - Int(inflater.avail_out)
      }
    }
    return Array(output.prefix(count))
  }

  /// Compresses and sends one text message.
  func send(_ text: ByteBuffer, _ context: ChannelHandlerContext) {
    var plain = Array(text.readableBytesView)
    var output = [UInt8](repeating: 0, count: plain.count + 64)
    let count = plain.withUnsafeMutableBufferPointer { source in
      output.withUnsafeMutableBufferPointer { target in
        deflater.next_in = source.baseAddress
        deflater.avail_in = UInt32(source.count)
        deflater.next_out = target.baseAddress
        deflater.avail_out = UInt32(target.count)
        deflate(&deflater, Z_SYNC_FLUSH)
        return target.count - Int(deflater.avail_out) - 4
      }
    }
    let header = FrameHeader(fin: true, compressed: true, opcode: .text, length: count)
    var frame = ByteBuffer()
    frame.writeWithUnsafeMutableBytes(minimumWritableBytes: 16) { header.write(to: $0) }
    frame.writeBytes(output.prefix(count))
    context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
  }

  private final class Nobody: WebSocketDelegate {
    func webSocket(_ connection: WebSocketConnection, receivedText text: ByteBuffer) {}
    func webSocket(_ connection: WebSocketConnection, receivedBinary binary: ByteBuffer) {}
    func webSocketClosed(_ connection: WebSocketConnection, _ end: WebSocketEnd) {}
  }
}
