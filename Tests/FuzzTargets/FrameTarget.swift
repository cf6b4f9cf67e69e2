import CZlib
import NIOCore
import NIOEmbedded
package import TestValues
import WebSocketTransport

/// Everything behind the handshake, in either role, with and without compression: frames, inflating,
/// UTF-8, limits, closing. The connection must do the same with the input in one piece and in many.
package struct FrameTarget: FuzzTarget {
  package static let name = "frames"
  private let loop = EmbeddedEventLoop()
  private let configuration: SharedConfiguration

  package init() throws {
    var configuration = WebSocketConfiguration()
    configuration.maxMessageBytes = 2048
    configuration.maxFrameBytes = 1024
    configuration.maxFragments = 16
    self.configuration = SharedConfiguration(configuration)
  }

  package mutating func take(_ input: [UInt8], using generator: inout Seeded) throws {
    let role: WebSocketRole = Bool.random(using: &generator) ? .server : .client
    let deflate = Int.random(in: 0..<4, using: &generator) == 0 ? nil : Self.parameters(&generator)
    let whole = try outcome(of: [input[...]], role, deflate)
    let cut = try outcome(of: Mutator.pieces(of: input, using: &generator), role, deflate)
    guard whole.isTheSame(as: cut) else {
      throw FuzzFinding("cutting changes the outcome:\n\(whole)\n\(cut)")
    }
    guard whole.closes == 1 else { throw FuzzFinding("told \(whole.closes) times of the end") }
    guard whole.longest <= 2048 else { throw FuzzFinding("a message of \(whole.longest) bytes") }
    guard whole.textIsValid else { throw FuzzFinding("text that is not UTF-8 was delivered") }
  }

  private static func parameters(_ generator: inout Seeded) -> DeflateParameters {
    DeflateParameters(
      serverNoContextTakeover: Bool.random(using: &generator),
      clientNoContextTakeover: Bool.random(using: &generator),
      serverMaxWindowBits: Int.random(in: 8...15, using: &generator),
      clientMaxWindowBits: Int.random(in: 8...15, using: &generator))
  }

  private func outcome(
    of pieces: [ArraySlice<UInt8>], _ role: WebSocketRole, _ deflate: DeflateParameters?
  ) throws -> Outcome {
    let channel = EmbeddedChannel(loop: loop)
    let delegate = Recorder()
    let connection = WebSocketConnection(
      role: role, shared: configuration, resources: .of(loop), subprotocol: nil, deflate: deflate,
      delegate: delegate)
    try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    try channel.pipeline.syncOperations.addHandler(connection)
    for piece in pieces where channel.isActive {
      _ = try? channel.writeInbound(ByteBuffer(bytes: piece))
    }
    loop.run()
    _ = try? channel.finish(acceptAlreadyClosed: true)
    loop.run()
    return delegate.outcome
  }

  /// What a connection made of an input.
  private struct Outcome {
    var events: [[UInt8]] = []
    var closes = 0
    var longest = 0
    var textIsValid = true
    var end: WebSocketEnd?

    /// Which of several faults of one message is met first depends on how much of it was inflated
    /// before its text and length were looked at; that there is one does not.
    func isTheSame(as other: Outcome) -> Bool {
      guard events == other.events, closes == other.closes else { return false }
      return end == other.end || (isFaultOfContent && other.isFaultOfContent)
    }

    private var isFaultOfContent: Bool {
      switch end?.cause {
      case .failed(.corruptDeflateData), .failed(.invalidUTF8), .failed(.messageTooLarge): true
      default: false
      }
    }
  }

  private final class Recorder: WebSocketDelegate {
    var outcome = Outcome()

    func webSocket(_ connection: WebSocketConnection, receivedText text: ByteBuffer) {
      let bytes = Array(text.readableBytesView)
      outcome.textIsValid = outcome.textIsValid && String(validating: bytes, as: UTF8.self) != nil
      note(1, bytes)
      connection.send(text: text)
    }

    func webSocket(_ connection: WebSocketConnection, receivedBinary binary: ByteBuffer) {
      note(2, Array(binary.readableBytesView))
      connection.send(binary: binary)
    }

    func webSocketReceivedPong(_ connection: WebSocketConnection, payload: ByteBuffer) {
      note(3, Array(payload.readableBytesView))
    }

    func webSocketClosed(_ connection: WebSocketConnection, _ end: WebSocketEnd) {
      outcome.closes += 1
      outcome.end = end
    }

    private func note(_ kind: UInt8, _ bytes: [UInt8]) {
      outcome.events.append([kind] + bytes)
      outcome.longest = max(outcome.longest, bytes.count)
    }
  }
}

extension FrameTarget {
  package static func seeds() -> [[UInt8]] {
    let text = Array(#"[{"bn":"pi-7/","n":"temperatur-küche","u":"Cel","v":21.5}]"#.utf8)
    let compressed = SeedDeflater.compress(text)
    var seeds: [[UInt8]] = []
    for masked in [true, false] {
      let frame = { (fin: Bool, compressed: Bool, opcode: Opcode, payload: [UInt8]) in
        Self.frame(fin, compressed, opcode, payload, masked: masked)
      }
      let close = frame(true, false, .close, [0x03, 0xE8] + Array("bye".utf8))
      seeds.append(frame(true, false, .text, text) + close)
      seeds.append(
        frame(false, false, .text, Array(text.prefix(40))) + frame(true, false, .ping, [1, 2])
          + frame(true, false, .continuation, Array(text.dropFirst(40))) + close)
      seeds.append(frame(true, true, .text, compressed) + frame(true, true, .text, compressed))
      seeds.append(
        frame(false, true, .binary, Array(compressed.prefix(9))) + frame(true, false, .pong, [])
          + frame(true, false, .continuation, Array(compressed.dropFirst(9))) + close)
      seeds.append(frame(true, false, .binary, [UInt8](repeating: 7, count: 300)))
      seeds.append(
        frame(true, true, .binary, SeedDeflater.compress([UInt8](repeating: 0, count: 2040)))
          + frame(true, true, .text, [0]) + frame(true, false, .text, []))
      seeds.append(close)
      seeds.append(frame(true, false, .close, []))
    }
    return seeds
  }

  private static func frame(
    _ fin: Bool, _ compressed: Bool, _ opcode: Opcode, _ payload: [UInt8], masked: Bool
  ) -> [UInt8] {
    let key: UInt32? = masked ? 0x3344_5566 : nil
    let header = FrameHeader(
      fin: fin, compressed: compressed, opcode: opcode, maskKey: key, length: payload.count)
    var bytes = [UInt8](unsafeUninitializedCapacity: FrameHeader.maximumBytes) { buffer, count in
      count = header.write(to: UnsafeMutableRawBufferPointer(buffer))
    }
    var payload = payload
    if let key {
      payload.withUnsafeMutableBytes { raw in
        guard let start = raw.baseAddress else { return }
        Masking.apply(key, from: start, to: start, count: raw.count)
      }
    }
    bytes += payload
    return bytes
  }
}

/// zlib without the transport around it, for valid compressed seeds.
enum SeedDeflater {
  static func compress(_ plain: [UInt8], level: Int32 = 6, windowBits: Int32 = 15) -> [UInt8] {
    var stream = z_stream()
    hawser_deflate_init(&stream, level, windowBits, 8)
    defer { deflateEnd(&stream) }
    var plain = plain
    var output = [UInt8](repeating: 0, count: plain.count + 64)
    let written = plain.withUnsafeMutableBufferPointer { source in
      output.withUnsafeMutableBufferPointer { target in
        stream.next_in = source.baseAddress
        stream.avail_in = UInt32(source.count)
        stream.next_out = target.baseAddress
        stream.avail_out = UInt32(target.count)
        deflate(&stream, Z_SYNC_FLUSH)
        return target.count - Int(stream.avail_out)
      }
    }
    return Array(output.prefix(max(0, written - 4)))
  }
}
