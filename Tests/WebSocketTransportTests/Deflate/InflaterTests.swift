import NIOCore
import TestValues
import Testing
import WebSocketTransport

struct InflaterTests {
  @Test("A bomb is stopped at the limit, and nothing near its size is allocated")
  func bomb() throws {
    let ordinary = StreamingPeer(sending: (true, 15), receiving: (true, 15), level: 9)
    let bomb = ordinary.compress([UInt8](repeating: 0x20, count: 64 << 20))
    #expect(bomb.count < 100_000)
    let inflater = try #require(Inflater())
    inflater.begin(window: .init(start: nil, count: 0))
    var output = ByteBuffer()
    #expect(throws: WebSocketError.messageTooLarge(limitBytes: 10_000)) {
      try bomb.withUnsafeBytes { try inflater.inflate($0, into: &output, limitBytes: 10_000) }
    }
    #expect(output.readableBytes == 10_001)
    #expect(output.capacity <= 1 << 20)
  }

  @Test("A message of exactly the limit passes; of one byte more it does not")
  func exactLimit() throws {
    for (size, fits) in [(10_000, true), (10_001, false)] {
      let payload = StreamingPeer(sending: (true, 15), receiving: (true, 15))
        .compress([UInt8](repeating: 0x20, count: size))
      let plain = try? inflate(payload, limit: 10_000)
      #expect((plain?.count == size) == fits)
    }
  }

  @Test("A message that fills its buffer to the last byte is whole")
  func exactlyFullBuffer() throws {
    for size in [512, 2_047, 2_048, 2_049, 4_096] {
      let plain = [UInt8](repeating: 0x20, count: size)
      let payload = StreamingPeer(sending: (true, 15), receiving: (true, 15)).compress(plain)
      let inflater = try #require(Inflater())
      inflater.begin(window: .init(start: nil, count: 0))
      var output = ByteBufferAllocator().buffer(capacity: size)
      try (payload + [0, 0, 0xFF, 0xFF]).withUnsafeBytes {
        try inflater.inflateLast($0, into: &output, limitBytes: 1 << 20)
      }
      #expect(Array(output.readableBytesView) == plain)
    }
  }

  @Test("A block marked final may end a message, or have more behind it (RFC 7692 §7.2.3.4)")
  func finalBlock() throws {
    let hello: [UInt8] = [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]
    #expect(try inflate(hello + [0x00]) == Array("Hello".utf8))
    #expect(try inflate(hello) == Array("Hello".utf8))
    let more: [UInt8] = [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]
    #expect(try inflate(hello + more) == Array("HelloHello".utf8))
  }

  @Test("The examples of RFC 7692 §7.2.3 inflate as said there")
  func examplesOfTheStandard() throws {
    #expect(try inflate([0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]) == Array("Hello".utf8))
    let uncompressedBlock: [UInt8] = [
      0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00,
    ]
    #expect(try inflate(uncompressedBlock) == Array("Hello".utf8))
    let twoBlocks: [UInt8] = [
      0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00,
    ]
    #expect(try inflate(twoBlocks) == Array("Hello".utf8))
    #expect(try inflate([0x00]) == [])
    #expect(try inflate([]) == [])
  }

  @Test("Data cut short or damaged is told apart from a message, and nothing crashes")
  func corrupt() {
    #expect(throws: WebSocketError.corruptDeflateData) { try inflate([0xFF, 0xFF, 0xFF]) }
    #expect(throws: WebSocketError.corruptDeflateData) { try inflate([0xF2, 0x48]) }
    var generator = Seeded(5)
    for _ in 0..<2000 {
      var payload = StreamingPeer(sending: (true, 15), receiving: (true, 15))
        .compress(generator.message(of: 200))
      for _ in 0..<3 {
        guard let at = payload.indices.randomElement(using: &generator) else { continue }
        payload[at] = UInt8.random(in: 0...255, using: &generator)
      }
      _ = try? inflate(payload, limit: 5000)
    }
  }

  @Test("A distance beyond what was ever said is corrupt, not memory of another connection")
  func distanceBeyondHistory() throws {
    let ordinary = StreamingPeer(sending: (true, 15), receiving: (true, 15))
    let plain = Seeded(3).text
    _ = ordinary.compress(plain)
    let second = ordinary.compress(plain)
    #expect(throws: WebSocketError.corruptDeflateData) { try inflate(second) }
  }

  /// Inflates in two calls and, where the mark comes with the last piece, in one: the same either way.
  private func inflate(_ payload: [UInt8], limit: Int = 1 << 20) throws -> [UInt8] {
    let apart = Result {
      try inflated { inflater, output in
        try payload.withUnsafeBytes { try inflater.inflate($0, into: &output, limitBytes: limit) }
        try inflater.finish(into: &output, limitBytes: limit)
      }
    }
    let atOnce = Result {
      try inflated { inflater, output in
        let marked = payload + withUnsafeBytes(of: Inflater.endMark) { Array($0) }
        try marked.withUnsafeBytes {
          try inflater.inflateLast($0, into: &output, limitBytes: limit)
        }
      }
    }
    #expect((try? apart.get()) == (try? atOnce.get()))
    return try atOnce.get()
  }

  private func inflated(
    _ body: (Inflater, inout ByteBuffer) throws -> Void
  ) throws -> [UInt8] {
    guard let inflater = Inflater() else { return [] }
    inflater.begin(window: .init(start: nil, count: 0))
    var output = ByteBuffer()
    try body(inflater, &output)
    return Array(output.readableBytesView)
  }
}

extension Seeded {
  fileprivate var text: [UInt8] {
    var copy = self
    return (0..<300).map { _ in UInt8.random(in: 32...126, using: &copy) }
  }
}
