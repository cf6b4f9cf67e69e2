import NIOCore
import NIOEmbedded
import TestValues
import Testing
import WebSocketTransport

/// Prepared messages that are compressed against those before them, once for all who got those.
struct SharedHistoryTests {
  @Test("Who was sent the same is sent the same frame, and a shorter one")
  func cohort() throws {
    let messages = rounds(3)
    let loop = EmbeddedEventLoop()
    let readers = try (0..<4).map { _ in try Reader(loop: loop) }
    for message in messages {
      for reader in readers { reader.peer.connection.send(message) }
      let frames = try readers.map { try #require(try $0.peer.frames().first) }
      #expect(frames.allSatisfy { $0 == frames[0] })
      #expect(message.compressedForms == 1)
      for (reader, frame) in zip(readers, frames) {
        #expect(reader.inflate(frame) == Array(message.bytes.readableBytesView))
        #expect(reader.peer.connection.windowBytes == 0)
      }
    }
    let alone = try Reader(loop: EmbeddedEventLoop())
    alone.peer.connection.send(messages[2])
    let without = try #require(try alone.peer.frames().first).payload.count
    readers[0].peer.connection.send(rounds(4)[3])
    let with = try #require(try readers[0].peer.frames().first).payload.count
    #expect(with * 3 < without * 2, "\(with) B behind what was sent before, \(without) B without")
  }

  @Test("Who comes later or leaves one out is one of them again from its second message on")
  func latecomers() throws {
    let messages = rounds(6)
    let loop = EmbeddedEventLoop()
    let always = try Reader(loop: loop)
    let late = try Reader(loop: loop)
    for (index, message) in messages.enumerated() {
      always.peer.connection.send(message)
      if index > 0 && index != 3 { late.peer.connection.send(message) }
      let plain = Array(message.bytes.readableBytesView)
      for reader in [always, late] {
        for frame in try reader.peer.frames() { #expect(reader.inflate(frame) == plain) }
      }
    }
    // The first has one form for those who got all and one for the latecomer; so has the one behind
    // what was left out, and what comes behind different histories stays different.
    #expect(messages.map(\.compressedForms) == [1, 2, 2, 1, 2, 2])
  }

  @Test("A message whose readers have nothing in common is compressed a few times at the most")
  func bounded() throws {
    let loop = EmbeddedEventLoop()
    let common = rounds(2)
    let readers = try (0..<40).map { _ in try Reader(loop: loop) }
    for message in common {
      for (index, reader) in readers.enumerated() {
        let own = PreparedMessage(text: Array(text(reader: index, round: 0).utf8))
        reader.peer.connection.send(own)
        reader.peer.connection.send(message)
        let frames = try reader.peer.frames()
        #expect(
          frames.map { reader.inflate($0) }
            == [own, message].map { Array($0.bytes.readableBytesView) })
      }
    }
    #expect(common[1].compressedForms == 9)
  }

  @Test(
    "Every mixture of readers, messages and loops is understood", arguments: 0..<40 as Range<UInt64>
  )
  func mixtures(seed: UInt64) throws {
    var generator = Seeded(seed)
    let loops = [EmbeddedEventLoop(), EmbeddedEventLoop()]
    let history = [256, 4_096, 40_000].randomElement(using: &generator) ?? 256
    let readers = try (0..<10).map { index in
      try Reader(
        loop: loops[index % 2], takeover: Int.random(in: 0..<5, using: &generator) > 0,
        bits: [9, 10, 12, 15, 15].randomElement(using: &generator) ?? 15, historyBytes: history,
        shares: Int.random(in: 0..<6, using: &generator) > 0)
    }
    for round in 0..<60 {
      var expected = readers.map { _ in [[UInt8]]() }
      for part in 0..<Int.random(in: 1...3, using: &generator) {
        let size = [3, 200, 1_500, 20_000].randomElement(using: &generator) ?? 3
        let plain = Array(text(reader: part, round: round).utf8) + generator.message(of: size)
        let message = PreparedMessage(binary: ByteBuffer(bytes: plain))
        for (index, reader) in readers.enumerated() {
          let choice = Int.random(in: 0..<20, using: &generator)
          if choice == 0 { continue }
          if choice == 1 {
            let own = Array(text(reader: index, round: round).utf8)
            reader.peer.connection.send(binary: own)
            expected[index].append(own)
          }
          reader.peer.connection.send(message)
          expected[index].append(plain)
        }
      }
      for (index, reader) in readers.enumerated() {
        var got: [[UInt8]] = []
        var fragments: TestPeer.Frame?
        for frame in try reader.peer.frames() {
          var whole = fragments ?? frame
          if fragments != nil { whole.payload += frame.payload }
          fragments = frame.fin ? nil : whole
          if frame.fin { got.append(reader.inflate(whole)) }
        }
        #expect(got == expected[index], "seed \(seed), round \(round), reader \(index)")
      }
    }
  }

  // MARK: -

  private func rounds(_ count: Int) -> [PreparedMessage] {
    (0..<count).map { PreparedMessage(text: Array(text(reader: 0, round: $0).utf8)) }
  }

  private func text(reader: Int, round: Int) -> String {
    let rows = (0..<20).map {
      "[\($0),\(1_795_890_000 + round),\(reader * 7 + $0 * 3 % 10).\(round)]"
    }
    return
      #"{"jsonrpc":"2.0","method":"update","params":{"subscription":"\#(reader)","rows":[\#(rows.joined(separator: ","))]}}"#
  }

  private struct Reader {
    let peer: TestPeer
    private let ordinary: StreamingPeer

    init(
      loop: EmbeddedEventLoop, takeover: Bool = true, bits: Int = 15, historyBytes: Int = 4_096,
      shares: Bool = true
    ) throws {
      var configuration = WebSocketConfiguration()
      var settings = DeflateSettings()
      settings.sharesHistory = shares
      settings.historyBytes = historyBytes
      configuration.compression = settings
      peer = try TestPeer(
        configuration,
        deflate: DeflateParameters(serverNoContextTakeover: !takeover, serverMaxWindowBits: bits),
        loop: loop)
      ordinary = StreamingPeer(sending: (true, 15), receiving: (takeover, bits))
    }

    func inflate(_ frame: TestPeer.Frame) -> [UInt8] {
      frame.compressed ? ordinary.inflate(frame.payload) ?? [] : frame.payload
    }
  }
}
