import NIOCore
import NIOEmbedded
import TestValues
import Testing

@testable import WebSocketTransport

struct OutboundTests {
  private let telemetry = (0..<40).map { index in
    Array(#"[{"bn":"pi-lab-7/","n":"cpu-temp","u":"Cel","t":\#(index),"v":\#(index % 7).25}]"#.utf8)
  }

  @Test("Whoever saw that it must wait is told to go on, even if one flush takes everything")
  func writableAgain() throws {
    let peer = try TestPeer()
    peer.connection.send(binary: [UInt8](repeating: 1, count: 300_000))
    #expect(!peer.connection.isWritable)
    _ = try peer.frames()
    #expect(peer.connection.isWritable)
    #expect(peer.delegate.events.last == .writable(true))
  }

  @Test("Everything sent in one tick goes out in one write")
  func oneWrite() throws {
    let peer = try TestPeer()
    for text in telemetry { peer.connection.send(text: text) }
    #expect(try peer.channel.readOutbound(as: ByteBuffer.self) == nil)
    peer.channel.embeddedEventLoop.run()
    let written = try peer.channel.readOutbound(as: ByteBuffer.self)
    #expect(written?.readableBytes == telemetry.reduce(0) { $0 + $1.count + 2 })
    #expect(try peer.channel.readOutbound(as: ByteBuffer.self) == nil)
  }

  @Test("A long message is fragmented, and pings pass between its fragments")
  func fragments() throws {
    var generator = Seeded(4)
    let long = (0..<600_000).map { _ in UInt8.random(in: 0...255, using: &generator) }
    let peer = try TestPeer()
    // The transport takes no more than its high watermark at a time.
    peer.connection.send(binary: long)
    peer.connection.ping([1])
    peer.connection.send(text: "behind")
    let frames = try peer.frames()
    #expect(frames.allSatisfy { $0.payload.count <= 16 * 1024 })
    let ping = try #require(frames.firstIndex { $0.opcode == .ping })
    let last = try #require(frames.lastIndex { $0.opcode == .continuation })
    #expect(ping < last)
    #expect(frames.last == .init(opcode: .text, payload: Array("behind".utf8)))
    let data = frames.filter { $0.opcode == .binary || $0.opcode == .continuation }
    #expect(data.flatMap(\.payload) == long)
    #expect(data.filter { $0.opcode == .binary }.count == 1)
    #expect(data.dropLast().allSatisfy { !$0.fin })
  }

  @Test("A control frame that waits behind a long message is never cut itself")
  func controlFrameInBacklog() throws {
    var configuration = WebSocketConfiguration()
    configuration.fragmentBytes = 20
    let peer = try TestPeer(configuration)
    let reason = String(repeating: "r", count: 100)
    peer.connection.send(binary: [UInt8](repeating: 7, count: 50))
    peer.connection.close(code: 1001, reason: reason)
    let frames = try peer.frames()
    #expect(frames.map(\.opcode) == [.binary, .continuation, .continuation, .close])
    #expect(frames.last?.payload == ClosePayload(code: 1001, reason: reason).bytes)
  }

  @Test("A prepared message is one and the same frame to every peer, compressed once")
  func prepared() throws {
    let prepared = PreparedMessage(text: Array(telemetry.joined()))
    var wires: Set<[UInt8]> = []
    for bits in [15, 14, 13, 12] {
      let peer = try TestPeer(deflate: DeflateParameters(serverMaxWindowBits: bits))
      peer.connection.send(prepared)
      peer.channel.embeddedEventLoop.run()
      let written = try #require(try peer.channel.readOutbound(as: ByteBuffer.self))
      wires.insert(Array(written.readableBytesView))
      #expect(peer.connection.windowBytes == 0)
    }
    #expect(wires.count == 1)
    #expect(prepared.compressedForms == 1)
    let small = try TestPeer(deflate: DeflateParameters(serverMaxWindowBits: 9))
    small.connection.send(prepared)
    #expect(prepared.compressedForms == 2)
    let plain = try TestPeer()
    plain.connection.send(prepared)
    #expect(try plain.frames() == [.init(opcode: .text, payload: Array(telemetry.joined()))])
  }

  @Test("Several prepared messages in a tick go out in order, whoever gets which of them")
  func batches() throws {
    var generator = Seeded(6)
    let messages = (0..<12).map { number in
      PreparedMessage(binary: ByteBuffer(repeating: UInt8(number), count: number * number * 20))
    }
    let loop = EmbeddedEventLoop()
    let peers = try (0..<8).map { _ in try TestPeer(loop: loop) }
    for _ in 0..<20 {
      var expected = peers.map { _ in [[UInt8]]() }
      for message in messages {
        for (index, peer) in peers.enumerated() {
          let choice = Int.random(in: 0..<10, using: &generator)
          if choice > 2 {
            peer.connection.send(message)
            expected[index].append(Array(message.bytes.readableBytesView))
          } else if choice == 0 {
            peer.connection.send(binary: [7, 7])
            expected[index].append([7, 7])
          }
        }
      }
      for (index, peer) in peers.enumerated() {
        #expect(try peer.frames().map(\.payload) == expected[index])
      }
    }
  }

  @Test("A slow reader keeps what it is to be sent, and nothing of what others were")
  func slowReaderAlone() throws {
    let loop = EmbeddedEventLoop()
    let slow = try TestPeer(loop: loop)
    let quick = try TestPeer(loop: loop)
    slow.channel.isWritable = false
    slow.channel.pipeline.fireChannelWritabilityChanged()
    let messages = (0..<4).map { PreparedMessage(binary: ByteBuffer(repeating: $0, count: 100)) }
    slow.connection.send(messages[0])
    for message in messages { quick.connection.send(message) }
    weak let row = quick.connection.batch
    #expect(row?.depth == 4)
    #expect(try quick.frames().count == 4)
    #expect(row == nil)
    #expect(slow.connection.batch?.depth == 1)

    // And what it is sent later comes behind it, in order.
    for message in messages.dropFirst() { slow.connection.send(message) }
    slow.channel.isWritable = true
    slow.channel.pipeline.fireChannelWritabilityChanged()
    #expect(try slow.frames().map { $0.payload.first } == [0, 1, 2, 3])
  }

  @Test("Prepared messages and messages with history mix freely")
  func mixed() throws {
    let ordinary = StreamingPeer(sending: (true, 15), receiving: (true, 15))
    let peer = try TestPeer(deflate: DeflateParameters())
    for (index, text) in telemetry.enumerated() {
      if index % 3 == 0 {
        peer.connection.send(PreparedMessage(text: text))
      } else {
        peer.connection.send(text: text)
      }
      let frame = try #require(try peer.frames().first)
      let plain = frame.compressed ? ordinary.inflate(frame.payload) : frame.payload
      #expect(plain == text, "message \(index)")
    }
  }

  @Test("What is tiny or incompressible goes as it is, and leaves the history alone")
  func notWorthCompressing() throws {
    var generator = Seeded(9)
    let ordinary = StreamingPeer(sending: (true, 15), receiving: (true, 15))
    let peer = try TestPeer(deflate: DeflateParameters())
    for text in telemetry {
      peer.connection.send(text: "{}")
      peer.connection.send(
        binary: (0..<3000).map { _ in UInt8.random(in: 0...255, using: &generator) })
      peer.connection.send(text: text)
      let frames = try peer.frames()
      #expect(frames.map(\.compressed) == [false, false, true])
      #expect(frames.last.flatMap { ordinary.inflate($0.payload) } == text)
    }
  }

  @Test("Telemetry of about 216 bytes shrinks at least five-fold with 1 KB of history")
  func ratio() throws {
    let peer = try TestPeer(deflate: DeflateParameters(serverMaxWindowBits: 15))
    var generator = Seeded(1)
    var plain = 0
    for second in 0..<300 {
      let text = Telemetry.message(second: second, using: &generator)
      plain += text.count
      peer.connection.send(text: text)
    }
    let sent = try peer.frames().reduce(0) { $0 + $1.payload.count + 2 }
    #expect(Double(plain) / Double(sent) >= 5, "\(plain) / \(sent)")
  }

  @Test("A reader that does not read is cut at the bound")
  func overflow() throws {
    var configuration = WebSocketConfiguration()
    configuration.maxBufferedBytes = 100_000
    let peer = try TestPeer(configuration)
    peer.channel.isWritable = false
    peer.channel.pipeline.fireChannelWritabilityChanged()
    let block = [UInt8](repeating: 7, count: 10_000)
    var accepted = 0
    while peer.connection.send(binary: block) { accepted += 1 }
    #expect(accepted <= 11)
    #expect(peer.delegate.end?.cause == .failed(.outboundOverflow(limitBytes: 100_000)))
  }

  @Test("Writability is told when the transport stops and goes on")
  func writability() throws {
    let peer = try TestPeer()
    peer.channel.isWritable = false
    peer.channel.pipeline.fireChannelWritabilityChanged()
    #expect(!peer.connection.isWritable)
    peer.connection.send(text: "waits")
    #expect(try peer.frames().isEmpty)
    #expect(peer.connection.bufferedBytes == 7)
    peer.channel.isWritable = true
    peer.channel.pipeline.fireChannelWritabilityChanged()
    #expect(try peer.frames() == [.init(opcode: .text, payload: Array("waits".utf8))])
    #expect(peer.delegate.events == [.opened, .writable(false), .writable(true)])
  }
}

/// What a small board sends: about 216 bytes a second, numbers changing as sensors' do.
enum Telemetry {
  static func message(second: Int, using generator: inout Seeded) -> [UInt8] {
    func value(_ base: Double, _ spread: Double) -> String {
      let number = base + Double.random(in: -spread...spread, using: &generator)
      return "\((number * 10).rounded() / 10)"
    }
    return Array(
      (#"{"jsonrpc":"2.0","method":"telemetry","params":{"seq":\#(second + 1),"lane":"live","pack":["#
        + #"{"bn":"pi-7/","bt":\#(1_790_000_000 + second),"n":"cpu-temp","u":"Cel","v":\#(value(48, 2))},"#
        + #"{"n":"load","v":\#(value(0.4, 0.3))},{"n":"mem","u":"%","v":\#(value(37, 1))}]}}"#).utf8
    )
  }
}
