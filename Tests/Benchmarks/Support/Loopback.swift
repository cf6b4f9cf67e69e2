import Glibc

/// Plain TCP sockets of this machine, without any library's cost.
package enum Loopback {
  /// A connection to a port, without Nagle's delay.
  package static func connect(to port: Int) throws -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = address(port)
    let status = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard descriptor >= 0, status == 0 else {
      throw BenchmarkError("no connection to port \(port): \(errno)")
    }
    setNoDelay(descriptor)
    return descriptor
  }

  /// Connected pairs by way of a listener: what is sent into the one comes out of the other.
  package static func pairs(_ count: Int) throws -> [(near: Int32, far: Int32)] {
    let (listener, port) = try listen()
    defer { close(listener) }
    return try (0..<count).map { _ in
      let far = try connect(to: port)
      let near = accept(listener, nil, nil)
      guard near >= 0 else { throw BenchmarkError("no connection accepted: \(errno)") }
      setNoDelay(near)
      return (near, far)
    }
  }

  /// Connects and upgrades, with compression as browsers offer it.
  package static func webSocket(
    to port: Int, path: String = "/", subprotocol: String? = nil
  ) throws -> Int32 {
    let descriptor = try connect(to: port)
    let chosen = subprotocol.map { "Sec-WebSocket-Protocol: \($0)\r\n" } ?? ""
    let request = """
      GET \(path) HTTP/1.1\r
      Host: 127.0.0.1:\(port)\r
      Upgrade: websocket\r
      Connection: Upgrade\r
      Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
      Sec-WebSocket-Version: 13\r
      \(chosen)Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n
      """
    send(Array(request.utf8), to: descriptor)
    var answer: [UInt8] = []
    var byte: UInt8 = 0
    while !answer.suffix(4).elementsEqual([13, 10, 13, 10]) {
      guard recv(descriptor, &byte, 1, 0) == 1 else { throw BenchmarkError("no upgrade") }
      answer.append(byte)
    }
    guard answer.starts(with: Array("HTTP/1.1 101".utf8)) else {
      throw BenchmarkError(String(decoding: answer, as: UTF8.self))
    }
    return descriptor
  }

  /// Sends everything, unless the other side is gone.
  package static func send(_ bytes: [UInt8], to descriptor: Int32) {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes { raw in
        Glibc.send(
          descriptor, raw.baseAddress.map { $0 + sent }, raw.count - sent, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return }
      sent += count
    }
  }

  /// Takes in what has come, and forgets it; answers with how much.
  @discardableResult
  package static func drain(_ descriptor: Int32, into buffer: inout [UInt8]) -> Int {
    max(0, recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT)))
  }

  /// A listener on a free port.
  private static func listen() throws -> (descriptor: Int32, port: Int) {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = address(0)
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let status = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        let bound = bind(listener, pointer, size)
        getsockname(listener, pointer, &size)
        return bound
      }
    }
    guard status == 0, Glibc.listen(listener, 4_096) == 0 else {
      throw BenchmarkError("cannot listen: \(errno)")
    }
    return (listener, Int(UInt16(bigEndian: address.sin_port)))
  }

  private static func setNoDelay(_ descriptor: Int32) {
    var on: Int32 = 1
    setsockopt(
      descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
  }

  private static func address(_ port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return address
  }
}
