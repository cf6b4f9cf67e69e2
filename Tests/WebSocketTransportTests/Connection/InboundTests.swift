import NIOCore
import NIOEmbedded
import TestValues
import Testing
import WebSocketTransport

struct InboundTests {
  @Test("Messages arrive whole however their frames and bytes are cut", arguments: 0..<40)
  func anyCut(seed: UInt64) throws {
    var generator = Seeded(seed)
    let role: WebSocketRole = seed % 2 == 0 ? .server : .client
    let peer = try TestPeer(role: role)
    var expected: [RecordingDelegate.Event] = [.opened]
    var wire: [UInt8] = []
    for _ in 0..<12 {
      let isText = Bool.random(using: &generator)
      let size = [0, 5, 125, 126, 3000, 70_000].randomElement(using: &generator) ?? 0
      let payload =
        isText
        ? Array(String(repeating: "aé€😀", count: size / 10).utf8) : generator.message(of: size)
      expected.append(isText ? .text(String(decoding: payload, as: UTF8.self)) : .binary(payload))
      var rest = payload[...]
      var opcode = isText ? Opcode.text : .binary
      repeat {
        let count = Int.random(in: 0...rest.count, using: &generator)
        let isLast = count == rest.count
        wire += peer.encode(.init(fin: isLast, opcode: opcode, payload: Array(rest.prefix(count))))
        rest = rest.dropFirst(count)
        opcode = .continuation
        if isLast { break }
        if Int.random(in: 0..<3, using: &generator) == 0 {
          wire += peer.encode(.init(opcode: .ping, payload: [1, 2, 3]))
        }
      } while true
    }
    var rest = wire[...]
    while !rest.isEmpty {
      let most = Bool.random(using: &generator) ? 3 : 20_000
      let count = Int.random(in: 1...min(most, rest.count), using: &generator)
      peer.send(Array(rest.prefix(count)))
      rest = rest.dropFirst(count)
    }
    #expect(peer.delegate.events == expected, "seed \(seed)")
    _ = try peer.channel.finish()
  }

  @Test("A ping is answered with its payload, also between fragments")
  func pingBetweenFragments() throws {
    let peer = try TestPeer()
    peer.send(.text, "Hel", fin: false)
    peer.send(.ping, "are you there")
    peer.send(.continuation, "lo")
    #expect(try peer.frames() == [.init(opcode: .pong, payload: Array("are you there".utf8))])
    #expect(peer.delegate.texts == ["Hello"])
  }

  @Test("Text that cannot be UTF-8 ends the connection before its message does")
  func invalidText() throws {
    let peer = try TestPeer()
    peer.send(.init(fin: false, opcode: .text, payload: [0x61, 0xED, 0xA0]))
    #expect(try peer.closeCode() == 1007)
    #expect(peer.delegate.end?.cause == .failed(.invalidUTF8))
  }

  @Test("Text that stops within a character is refused with its last frame")
  func incompleteText() throws {
    let peer = try TestPeer()
    peer.send(.init(opcode: .text, payload: [0x61, 0xE2, 0x82]))
    #expect(try peer.closeCode() == 1007)
  }

  @Test(
    "What the protocol forbids is answered with 1002",
    arguments: [
      .init(opcode: .continuation, payload: [1]),
      .init(compressed: true, opcode: .text, payload: [0]),
      .init(opcode: .close, payload: [3]),
      .init(opcode: .close, payload: [0x03, 0xEC]),
    ] as [TestPeer.Frame])
  func violations(frame: TestPeer.Frame) throws {
    let peer = try TestPeer()
    peer.send(frame)
    #expect(try peer.closeCode() == 1002)
    guard case .failed(.violation) = peer.delegate.end?.cause else {
      Issue.record("\(String(describing: peer.delegate.end))")
      return
    }
  }

  @Test("A frame without mask to a server, or with one to a client, is refused")
  func masking() throws {
    let server = try TestPeer(role: .server)
    server.send([0x81, 0x01, 0x61])
    #expect(try server.closeCode() == 1002)
    let client = try TestPeer(role: .client)
    client.send([0x81, 0x81, 1, 2, 3, 4, 0x61])
    #expect(try client.closeCode() == 1002)
  }

  @Test("A new message within one that has not ended is refused")
  func messageWithinMessage() throws {
    let peer = try TestPeer()
    peer.send(.text, "a", fin: false)
    peer.send(.text, "b")
    #expect(try peer.closeCode() == 1002)
    #expect(peer.delegate.texts.isEmpty)
  }

  @Test(
    "Only a message's first frame can be called compressed (RFC 7692 §6.1)",
    arguments: [.continuation, .close, .ping, .pong] as [Opcode])
  func compressedElsewhere(opcode: Opcode) throws {
    let peer = try TestPeer(deflate: DeflateParameters())
    peer.send(.init(fin: false, compressed: true, opcode: .text, payload: [0xF2]))
    peer.send([0xC0 | opcode.rawValue, 0x80, 0, 0, 0, 0])
    #expect(try peer.closeCode() == 1002)
    #expect(peer.delegate.end?.cause == .failed(.violation(.reservedBits)))
  }

  @Test("Uncompressed messages may come between compressed ones, and leave the history alone")
  func mixed() throws {
    let ordinary = StreamingPeer(sending: (true, 15), receiving: (true, 15))
    let peer = try TestPeer(deflate: DeflateParameters())
    for number in 0..<20 {
      let text = "message number \(number), much like the last one"
      if number % 3 == 1 {
        peer.send(.text, text)
      } else {
        peer.send(
          .init(compressed: true, opcode: .text, payload: ordinary.compress(Array(text.utf8))))
      }
    }
    #expect(peer.delegate.texts.count == 20)
    #expect(peer.delegate.texts.last == "message number 19, much like the last one")
  }

  @Test("Corrupt deflate data closes with 1007")
  func corruptData() throws {
    let peer = try TestPeer(deflate: DeflateParameters())
    peer.send(.init(compressed: true, opcode: .text, payload: [0xFF, 0xFF, 0xFF, 0xFF]))
    #expect(try peer.closeCode() == 1007)
    #expect(peer.delegate.end?.cause == .failed(.corruptDeflateData))
  }

  @Test("Frame, message and fragment limits have an error each, all closed with 1009")
  func limits() throws {
    var configuration = WebSocketConfiguration()
    configuration.maxFrameBytes = 1000
    configuration.maxMessageBytes = 1500
    configuration.maxFragments = 3
    let kilobyte = [UInt8](repeating: 0x61, count: 1000)

    let frame = try TestPeer(configuration)
    frame.send(Array(frame.encode(.init(opcode: .binary, payload: kilobyte + [0])).prefix(14)))
    #expect(try frame.closeCode() == 1009)
    #expect(frame.delegate.end?.cause == .failed(.frameTooLarge(limitBytes: 1000)))

    let message = try TestPeer(configuration)
    message.send(.init(fin: false, opcode: .binary, payload: kilobyte))
    message.send(.init(opcode: .continuation, payload: Array(kilobyte.prefix(501))))
    #expect(try message.closeCode() == 1009)
    #expect(message.delegate.end?.cause == .failed(.messageTooLarge(limitBytes: 1500)))

    let fragments = try TestPeer(configuration)
    for number in 0..<4 {
      fragments.send(
        .init(fin: false, opcode: number == 0 ? .binary : .continuation, payload: []))
    }
    #expect(try fragments.closeCode() == 1009)
    #expect(fragments.delegate.end?.cause == .failed(.tooManyFragments(limit: 3)))

    let inflated = try TestPeer(configuration, deflate: DeflateParameters())
    let bomb = StreamingPeer(sending: (true, 15), receiving: (true, 15))
      .compress([UInt8](repeating: 0, count: 1501))
    inflated.send(.init(compressed: true, opcode: .binary, payload: bomb))
    #expect(try inflated.closeCode() == 1009)
    #expect(inflated.delegate.end?.cause == .failed(.messageTooLarge(limitBytes: 1500)))
  }

  @Test("A paused connection holds reads back until it is resumed")
  func pausing() throws {
    let peer = try TestPeer()
    peer.connection.pauseReading()
    peer.channel.read()
    peer.connection.resumeReading()
    peer.send(.text, "after")
    #expect(peer.delegate.texts == ["after"])
  }
}
