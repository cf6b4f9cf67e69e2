import NIOCore
import NIOEmbedded
import TestValues
import Testing
import WebSocketTransport

/// Pooled streams with a plaintext window against zlib streams kept open the ordinary way.
struct TakeoverPropertyTests {
  /// Every combination of window bits and takeover, as the connection's own outbound and inbound.
  @Test(
    "Messages of any size pass to and from ordinary streaming peers in every combination",
    arguments: 8...15)
  func everyCombination(bits: Int) throws {
    for takeover in [true, false] {
      for peerBits in 8...15 {
        for (index, level) in [1, 6, 9].enumerated() {
          let seed = UInt64(bits * 1000 + peerBits * 10 + index * 2 + (takeover ? 1 : 0))
          try conversation(
            seed: seed, level: level, bits: bits, peerBits: peerBits, takeover: takeover,
            messages: 24)
        }
      }
    }
  }

  @Test("Every level passes, with messages up to 1 MB between small ones", arguments: 1...9)
  func everyLevel(level: Int) throws {
    try conversation(
      seed: UInt64(level), level: level, bits: 15, peerBits: 9 + level % 7, takeover: true,
      messages: 6, largest: 1 << 20)
  }

  private func conversation(
    seed: UInt64, level: Int, bits: Int, peerBits: Int, takeover: Bool, messages: Int,
    largest: Int = 3000
  ) throws {
    var generator = Seeded(seed)
    var settings = DeflateSettings()
    settings.level = level
    settings.minimumBytes = 0
    settings.historyBytes = [256, 1024, 40_000].randomElement(using: &generator) ?? 1024
    var configuration = WebSocketConfiguration()
    configuration.compression = settings
    configuration.maxMessageBytes = 2 << 20
    configuration.maxFrameBytes = 2 << 20
    let role: WebSocketRole = Bool.random(using: &generator) ? .server : .client
    let isServer = role == .server
    let parameters = DeflateParameters(
      serverNoContextTakeover: !takeover, clientNoContextTakeover: !takeover,
      serverMaxWindowBits: isServer ? bits : peerBits,
      clientMaxWindowBits: isServer ? peerBits : bits)
    let ordinary = StreamingPeer(
      sending: (takeover, peerBits), receiving: (takeover, bits), level: level,
      memoryLevel: Int.random(in: 1...9, using: &generator))
    let peer = try TestPeer(role: role, configuration, deflate: parameters)

    for number in 0..<messages {
      let size = [0, 1, 40, 216, 700, Int.random(in: 0...largest, using: &generator)]
        .randomElement(using: &generator)
      let plain = generator.message(of: size ?? 0)
      let context: Comment = "seed \(seed), message \(number) of \(plain.count) bytes"

      // Ours to theirs, the last fragments gathered.
      if Int.random(in: 0..<6, using: &generator) == 0 {
        peer.connection.send(PreparedMessage(binary: ByteBuffer(bytes: plain)))
      } else {
        peer.connection.send(binary: plain)
      }
      let frames = try peer.frames()
      let payload = frames.flatMap(\.payload)
      let first = try #require(frames.first, context)
      #expect(frames.last?.fin == true, context)
      #expect((first.compressed ? ordinary.inflate(payload) : payload) == plain, context)

      // Theirs to ours, in one frame, several, or uncompressed.
      let before = peer.delegate.binaries.count
      if Int.random(in: 0..<10, using: &generator) == 0 {
        peer.send(.init(opcode: .binary, payload: plain))
      } else {
        let compressed = ordinary.compress(plain)
        let cut = Int.random(in: 0...compressed.count, using: &generator)
        if Bool.random(using: &generator) {
          peer.send(
            .init(
              fin: false, compressed: true, opcode: .binary, payload: Array(compressed[..<cut])),
            .init(opcode: .ping, payload: [1]),
            .init(opcode: .continuation, payload: Array(compressed[cut...])))
        } else {
          peer.send(.init(compressed: true, opcode: .binary, payload: compressed))
        }
      }
      _ = try peer.frames()
      try #require(peer.delegate.binaries.count == before + 1, context)
      #expect(peer.delegate.binaries.last == plain, context)
      let most = (1 << peerBits) + min(settings.historyBytes, 1 << bits)
      #expect(peer.connection.windowBytes <= most, context)
    }
    _ = try peer.channel.finish(acceptAlreadyClosed: true)
  }
}
