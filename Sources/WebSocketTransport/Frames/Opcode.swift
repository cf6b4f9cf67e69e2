/// The kinds of frame of RFC 6455 §5.2; every other value of the four bits is reserved.
package enum Opcode: UInt8, Sendable {
  case continuation = 0x0
  case text = 0x1
  case binary = 0x2
  case close = 0x8
  case ping = 0x9
  case pong = 0xA

  /// Whether frames of this kind may come between the fragments of a message (RFC 6455 §5.5).
  package var isControl: Bool { rawValue & 0x8 != 0 }
}
