/// The head of one frame (RFC 6455 §5.2), as read from the wire or about to be written.
package struct FrameHeader: Equatable, Sendable {
  /// The last frame of its message.
  package var fin: Bool
  /// RSV1: the first frame of a message compressed with permessage-deflate (RFC 7692 §6).
  package var compressed: Bool
  /// What the frame carries.
  package var opcode: Opcode
  /// The masking key in the order of its bytes in memory, or nil where the payload is not masked.
  package var maskKey: UInt32?
  /// Payload length in bytes.
  package var length: Int

  /// The longest head: two bytes, eight of length, four of masking key.
  package static let maximumBytes = 14
  /// What a control frame may carry (RFC 6455 §5.5).
  package static let maximumControlPayload = 125

  /// A head with all its fields; `maskKey` nil for what a server sends.
  package init(
    fin: Bool, compressed: Bool = false, opcode: Opcode, maskKey: UInt32? = nil, length: Int
  ) {
    self.fin = fin
    self.compressed = compressed
    self.opcode = opcode
    self.maskKey = maskKey
    self.length = length
  }

  /// What reading a head can come to.
  package enum Reading: Equatable, Sendable {
    /// The head is there; the payload begins `bytes` further on.
    case header(FrameHeader, bytes: Int)
    /// The bytes end within the head.
    case incomplete
    /// No frame may look like this.
    case invalid(ProtocolViolation)
  }

  /// Reads a head from `bytes` at `start`, and checks all that one frame by itself can show: reserved
  /// bits and opcodes, and the shape of control frames and lengths. RFC 6455 §5.2 and §5.5.
  package static func read(_ bytes: UnsafeRawBufferPointer, at start: Int) -> Reading {
    let available = bytes.count - start
    guard available >= 2 else {
      // The first byte is judged as soon as it is here: a peer may never send the second.
      guard available == 1, let violation = violation(inFirst: bytes[start]) else {
        return .incomplete
      }
      return .invalid(violation)
    }
    let first = bytes[start]
    let second = bytes[start + 1]
    if let violation = violation(inFirst: first) { return .invalid(violation) }
    guard let opcode = Opcode(rawValue: first & 0x0F) else { return .invalid(.reservedOpcode) }
    let fin = first & 0x80 != 0
    let masked = second & 0x80 != 0
    var length = Int(second & 0x7F)
    if opcode.isControl && length > maximumControlPayload { return .invalid(.longControlFrame) }

    var size = 2
    if length == 126 {
      guard available >= 4 else { return .incomplete }
      length = Int(bytes[start + 2]) << 8 | Int(bytes[start + 3])
      guard length > 125 else { return .invalid(.lengthNotMinimal) }
      size = 4
    } else if length == 127 {
      guard available >= 10 else { return .incomplete }
      let long = UInt64(
        bigEndian: bytes.loadUnaligned(fromByteOffset: start + 2, as: UInt64.self))
      guard let fits = Int(exactly: long) else { return .invalid(.lengthTooLarge) }
      guard fits > 0xFFFF else { return .invalid(.lengthNotMinimal) }
      length = fits
      size = 10
    }
    var key: UInt32?
    if masked {
      guard available >= size + 4 else { return .incomplete }
      key = bytes.loadUnaligned(fromByteOffset: start + size, as: UInt32.self)
      size += 4
    }
    let header = FrameHeader(
      fin: fin, compressed: first & 0x40 != 0, opcode: opcode, maskKey: key, length: length)
    return .header(header, bytes: size)
  }

  /// RSV2 and RSV3 have no meaning here, and RSV1 only before a data message.
  @inline(__always)
  private static func violation(inFirst byte: UInt8) -> ProtocolViolation? {
    if byte & 0x30 != 0 { return .reservedBits }
    let code = byte & 0x0F
    if code > 0xA || (code > 0x2 && code < 0x8) { return .reservedOpcode }
    if byte & 0x40 != 0 && (code & 0x8 != 0 || code == 0) { return .reservedBits }
    if code & 0x8 != 0 && byte & 0x80 == 0 { return .fragmentedControlFrame }
    return nil
  }

  /// Bytes this head takes on the wire.
  package var encodedBytes: Int {
    (length <= 125 ? 2 : length <= 0xFFFF ? 4 : 10) + (maskKey == nil ? 0 : 4)
  }

  /// Writes the head at the beginning of `target`, which holds at least `encodedBytes`; returns how
  /// many bytes it took.
  @discardableResult
  package func write(to target: UnsafeMutableRawBufferPointer) -> Int {
    precondition(target.count >= encodedBytes, "no room for a frame head")
    target[0] = (fin ? 0x80 : 0) | (compressed ? 0x40 : 0) | opcode.rawValue
    let maskBit: UInt8 = maskKey == nil ? 0 : 0x80
    var size = 2
    if length <= 125 {
      target[1] = maskBit | UInt8(length)
    } else if length <= 0xFFFF {
      target[1] = maskBit | 126
      target.storeBytes(of: UInt16(length).bigEndian, toByteOffset: 2, as: UInt16.self)
      size = 4
    } else {
      target[1] = maskBit | 127
      target.storeBytes(of: UInt64(length).bigEndian, toByteOffset: 2, as: UInt64.self)
      size = 10
    }
    if let maskKey {
      target.storeBytes(of: maskKey, toByteOffset: size, as: UInt32.self)
      size += 4
    }
    return size
  }
}
