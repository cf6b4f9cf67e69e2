/// What a client puts on the wire.
enum ClientFrame {
  /// A text frame, not compressed; masked with zero, which changes nothing.
  static func text(_ text: String) -> [UInt8] {
    let payload = Array(text.utf8)
    var frame: [UInt8] = [0x81]
    if payload.count < 126 {
      frame.append(0x80 | UInt8(payload.count))
    } else {
      frame += [0x80 | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
    }
    return frame + [0, 0, 0, 0] + payload
  }

  /// An answer to a ping, without a payload.
  static let pong: [UInt8] = [0x8A, 0x80, 0, 0, 0, 0]
}
