import Testing
import WebSocketTransport

struct FrameHeaderTests {
  @Test("Every head that can be written is read back, and no part of it is taken for a whole")
  func roundTrip() {
    for length in [0, 1, 125, 126, 127, 0xFFFF, 0x10000, 1 << 40] {
      for key in [nil, 0xDEAD_BEEF as UInt32?] {
        for (opcode, fin, compressed) in [
          (Opcode.text, true, false), (.binary, false, true), (.continuation, true, false),
        ] {
          let header = FrameHeader(
            fin: fin, compressed: compressed, opcode: opcode, maskKey: key, length: length)
          let bytes = encode(header)
          #expect(bytes.count == header.encodedBytes)
          #expect(read(bytes) == .header(header, bytes: bytes.count))
          for part in 0..<bytes.count {
            #expect(read(Array(bytes.prefix(part))) == .incomplete)
          }
        }
      }
    }
  }

  @Test(
    "What no frame may look like is refused by its first bytes",
    arguments: [
      ([0x91, 0x00], ProtocolViolation.reservedBits),
      ([0xA1], .reservedBits),
      ([0xC8, 0x00], .reservedBits),
      ([0xC9], .reservedBits),
      ([0xC0, 0x00], .reservedBits),
      ([0x83], .reservedOpcode),
      ([0x8B, 0x00], .reservedOpcode),
      ([0x8F], .reservedOpcode),
      ([0x09], .fragmentedControlFrame),
      ([0x89, 0x7E, 0x00, 0x7E], .longControlFrame),
      ([0x88, 0x7F], .longControlFrame),
      ([0x82, 0x7E, 0x00, 0x7D], .lengthNotMinimal),
      ([0x82, 0x7F, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], .lengthNotMinimal),
      ([0x82, 0x7F, 0x80, 0, 0, 0, 0, 0, 0, 0], .lengthTooLarge),
    ] as [([UInt8], ProtocolViolation)])
  func refused(bytes: [UInt8], violation: ProtocolViolation) {
    #expect(read(bytes) == .invalid(violation))
  }

  private func encode(_ header: FrameHeader) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: FrameHeader.maximumBytes) { buffer, count in
      count = header.write(to: UnsafeMutableRawBufferPointer(buffer))
    }
  }

  private func read(_ bytes: [UInt8]) -> FrameHeader.Reading {
    bytes.withUnsafeBytes { FrameHeader.read($0, at: 0) }
  }
}
