import Glibc

/// A TCP connection to a port of 127.0.0.1 as the kernel gives it, with the handshake of a WebSocket
/// client: for peers that do not read, reset, or close half.
struct RawClient {
  private let descriptor: Int32

  /// Connects; `receiveBufferBytes` is asked for as the kernel's receive buffer.
  init?(port: Int, receiveBufferBytes: Int32? = nil) {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    let integer = socklen_t(MemoryLayout<Int32>.size)
    if var bytes = receiveBufferBytes {
      setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, integer)
    }
    var patience = timeval(tv_sec: 10, tv_usec: 0)
    setsockopt(
      descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    // The bytes of a `sockaddr_in`: which module that type belongs to differs from build to build,
    // as NIO's C modules contain it too.
    let address =
      [UInt8(AF_INET), 0, UInt8(port >> 8 & 0xFF), UInt8(port & 0xFF), 127, 0, 0, 1]
      + [UInt8](repeating: 0, count: 8)
    let status = address.withUnsafeBytes { bytes -> Int32 in
      guard let start = bytes.baseAddress else { return -1 }
      return connect(
        descriptor, start.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
    }
    guard status == 0 else {
      Glibc.close(descriptor)
      return nil
    }
  }

  /// Shakes hands, offering no extension; false where the server does not switch.
  func shakeHands() -> Bool {
    send(
      Array(
        ("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n").utf8
      )
    )
    var head: [UInt8] = []
    while !head.suffix(4).elementsEqual("\r\n\r\n".utf8), let byte = receive(1).first {
      head.append(byte)
    }
    return head.starts(with: "HTTP/1.1 101 ".utf8)
  }

  func send(_ bytes: [UInt8]) {
    _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
  }

  /// What one read brings, at most `count` bytes; nothing at the end, and after ten silent seconds.
  func receive(_ count: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let received = recv(descriptor, &bytes, count, 0)
    return Array(bytes.prefix(max(0, received)))
  }

  /// Everything up to the end.
  func receiveAll() -> [UInt8] {
    var bytes: [UInt8] = []
    while case let part = receive(65_536), !part.isEmpty { bytes += part }
    return bytes
  }

  /// Sends TCP's end and reads on.
  func closeSending() {
    shutdown(descriptor, Int32(SHUT_WR))
  }

  func close() {
    Glibc.close(descriptor)
  }

  /// Ends with a reset, as a crash does.
  func reset() {
    var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
    setsockopt(
      descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
    Glibc.close(descriptor)
  }
}
