import NIOCore
import NIOEmbedded
import TestValues
import Testing
import WebSocketTransport

/// Compressed messages that one read brings together: the stream that was lent for the first goes on
/// with the others, whatever happens between them.
struct ManyAReadTests {
  @Test("Messages pass however many a read has, and wherever it ends", arguments: 0..<60)
  func anyReads(seed: UInt64) throws {
    var generator = Seeded(seed)
    let takeover = seed % 3 != 0
    let bits = 8 + Int(seed % 8)
    let role: WebSocketRole = seed % 2 == 0 ? .server : .client
    let ordinary = StreamingPeer(sending: (takeover, bits), receiving: (true, 15))
    let peer = try TestPeer(
      role: role,
      deflate: DeflateParameters(
        serverNoContextTakeover: !takeover, clientNoContextTakeover: !takeover,
        serverMaxWindowBits: bits, clientMaxWindowBits: bits))
    var expected: [RecordingDelegate.Event] = [.opened]
    var wire: [UInt8] = []
    for _ in 0..<60 {
      let size = [0, 1, 40, 216, 216, 216, 3000].randomElement(using: &generator) ?? 0
      let plain = generator.message(of: size)
      expected.append(.binary(plain))
      switch Int.random(in: 0..<10, using: &generator) {
      case 0: wire += peer.encode(.init(opcode: .binary, payload: plain))
      case 1..<4:
        let payload = ordinary.compress(plain)
        let cut = Int.random(in: 0...payload.count, using: &generator)
        wire += peer.encode(
          .init(fin: false, compressed: true, opcode: .binary, payload: Array(payload[..<cut])))
        wire += peer.encode(.init(opcode: .ping, payload: [1]))
        wire += peer.encode(.init(opcode: .continuation, payload: Array(payload[cut...])))
      default:
        wire += peer.encode(
          .init(compressed: true, opcode: .binary, payload: ordinary.compress(plain)))
      }
      if Int.random(in: 0..<5, using: &generator) == 0 {
        wire += peer.encode(.init(compressed: true, opcode: .binary, payload: []))
        wire += peer.encode(.init(opcode: .pong, payload: [2]))
        expected += [.binary([]), .pong([2])]
      }
    }
    var rest = wire[...]
    while !rest.isEmpty {
      let count = Int.random(in: 1...min(rest.count, 4000), using: &generator)
      peer.send(Array(rest.prefix(count)))
      rest = rest.dropFirst(count)
    }
    #expect(peer.delegate.events == expected, "seed \(seed)")
    #expect(peer.connection.windowBytes <= (takeover ? 1 << bits : 0))
    _ = try peer.channel.finish()
  }

  @Test("What comes behind a final block still knows what was said before it")
  func behindFinalBlock() throws {
    let peer = try TestPeer(deflate: DeflateParameters())
    // RFC 7692 §7.2.3.4, then §7.2.3.2 with the window of the former.
    let final: [UInt8] = [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00]
    let again: [UInt8] = [0xF2, 0x00, 0x11, 0x00, 0x00]
    peer.send(
      .init(compressed: true, opcode: .text, payload: final),
      .init(compressed: true, opcode: .text, payload: again),
      .init(compressed: true, opcode: .text, payload: Array(final.dropLast())),
      .init(compressed: true, opcode: .text, payload: again))
    peer.send(.init(compressed: true, opcode: .text, payload: again))
    #expect(peer.delegate.texts == [String](repeating: "Hello", count: 5))
  }

  @Test("The limit holds for every message of a read, and in every frame of one")
  func limits() throws {
    var configuration = WebSocketConfiguration()
    configuration.maxMessageBytes = 5000
    let fitting = [UInt8](repeating: 1, count: 5000)
    for cutAt in [nil, 1, 4] as [Int?] {
      let ordinary = StreamingPeer(sending: (true, 15), receiving: (true, 15))
      let peer = try TestPeer(configuration, deflate: DeflateParameters())
      var wire: [UInt8] = []
      for _ in 0..<3 {
        wire += peer.encode(
          .init(compressed: true, opcode: .binary, payload: ordinary.compress(fitting)))
      }
      let bomb = ordinary.compress([UInt8](repeating: 2, count: 1 << 20))
      let cut = cutAt ?? bomb.count
      wire += peer.encode(
        .init(
          fin: cutAt == nil, compressed: true, opcode: .binary, payload: Array(bomb[..<cut])))
      if cutAt != nil {
        wire += peer.encode(.init(opcode: .continuation, payload: Array(bomb[cut...])))
      }
      peer.send(wire)
      #expect(peer.delegate.binaries == [fitting, fitting, fitting])
      #expect(peer.delegate.end?.cause == .failed(.messageTooLarge(limitBytes: 5000)))
      #expect(try peer.closeCode() == 1009)
    }
  }

  /// How a connection comes to its end in the middle of a read.
  enum Ending: CaseIterable {
    case corrupt
    case closedInDelivery
    case abortedInDelivery
  }

  @Test(
    "One connection's end in the middle of a read is nothing to the others of its loop",
    arguments: Ending.allCases)
  func othersGoOn(ending: Ending) throws {
    let loop = EmbeddedEventLoop()
    let ordinary = StreamingPeer(sending: (true, 15), receiving: (true, 15))
    let other = try TestPeer(deflate: DeflateParameters(), loop: loop)
    let text = Array(#"[{"n":"cpu-temp","u":"Cel","v":48.5},{"n":"cpu-load","u":"%","v":4}]"#.utf8)
    let frame = {
      TestPeer.Frame(compressed: true, opcode: .text, payload: ordinary.compress(text))
    }
    for round in 1...5 {
      let peer = try TestPeer(deflate: DeflateParameters(), loop: loop)
      let stream = StreamingPeer(sending: (true, 15), receiving: (true, 15))
      peer.delegate.onMessage = { connection, _, _ in
        switch ending {
        case .corrupt: break
        case .closedInDelivery: connection.close(code: 4001)
        case .abortedInDelivery: connection.abort(.keepaliveTimedOut)
        }
        // In the middle of that read this one compresses and inflates on the same streams.
        other.connection.send(binary: text)
        other.send(frame())
      }
      var wire = peer.encode(.init(compressed: true, opcode: .text, payload: stream.compress(text)))
      if ending == .corrupt {
        wire += peer.encode(.init(compressed: true, opcode: .text, payload: [0xFF, 0xFF, 0xFF]))
      }
      wire += peer.encode(.init(compressed: true, opcode: .text, payload: stream.compress(text)))
      peer.send(wire)
      #expect(peer.delegate.texts.count == 1)
      switch ending {
      case .corrupt: #expect(peer.delegate.end?.cause == .failed(.corruptDeflateData))
      case .closedInDelivery: #expect(try peer.closeCode() == 4001)
      case .abortedInDelivery: #expect(peer.delegate.end?.cause == .failed(.keepaliveTimedOut))
      }
      other.send(frame(), frame())
      #expect(other.delegate.texts.count == 3 * round)
      #expect(other.delegate.texts.allSatisfy { Array($0.utf8) == text })
      let answers = try other.frames()
      #expect(answers.map { ordinary.inflate($0.payload) } == [text])
    }
  }
}
