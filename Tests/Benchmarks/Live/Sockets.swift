import Glibc

/// Plain TCP sockets of this machine.
enum Sockets {
  static func connect(to port: Int) throws -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = loopback(port)
    let status = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard descriptor >= 0, status == 0 else {
      throw BenchmarkError(description: "no connection to port \(port): \(errno)")
    }
    setNoDelay(descriptor)
    return descriptor
  }

  /// A listener on a free port.
  static func listen() throws -> (descriptor: Int32, port: Int) {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = loopback(0)
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let status = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        let bound = bind(listener, pointer, size)
        getsockname(listener, pointer, &size)
        return bound
      }
    }
    guard status == 0, Glibc.listen(listener, 4_096) == 0 else {
      throw BenchmarkError(description: "cannot listen: \(errno)")
    }
    return (listener, Int(UInt16(bigEndian: address.sin_port)))
  }

  static func setNoDelay(_ descriptor: Int32) {
    var on: Int32 = 1
    setsockopt(
      descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
  }

  static func send(_ bytes: [UInt8], to descriptor: Int32) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return }
      rest = rest.dropFirst(count)
    }
  }

  /// Upgrades, with compression as browsers offer it.
  static func webSocket(to port: Int, path: String, subprotocol: String) throws -> Int32 {
    let descriptor = try connect(to: port)
    let request = """
      GET \(path) HTTP/1.1\r
      Host: 127.0.0.1:\(port)\r
      Upgrade: websocket\r
      Connection: Upgrade\r
      Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
      Sec-WebSocket-Version: 13\r
      Sec-WebSocket-Protocol: \(subprotocol)\r
      Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n
      """
    send(Array(request.utf8), to: descriptor)
    var answer: [UInt8] = []
    var byte: UInt8 = 0
    while !answer.suffix(4).elementsEqual([13, 10, 13, 10]) {
      guard recv(descriptor, &byte, 1, 0) == 1 else {
        throw BenchmarkError(description: "no upgrade")
      }
      answer.append(byte)
    }
    guard answer.starts(with: Array("HTTP/1.1 101".utf8)) else {
      throw BenchmarkError(description: String(decoding: answer, as: UTF8.self))
    }
    return descriptor
  }

  /// A text frame of a client, not compressed; masked with zero, which changes nothing.
  static func frame(_ text: String) -> [UInt8] {
    let payload = Array(text.utf8)
    var frame: [UInt8] = [0x81]
    if payload.count < 126 {
      frame.append(0x80 | UInt8(payload.count))
    } else {
      frame += [0x80 | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
    }
    return frame + [0, 0, 0, 0] + payload
  }

  private static func loopback(_ port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return address
  }
}
