import CZlib
import Glibc
import WebSocketTransport

/// Plain TCP sockets to a port of this machine, without any library's cost.
enum RawSockets {
  static func connect(to port: Int) throws -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = loopback(port)
    let status = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard descriptor >= 0, status == 0 else { throw BenchmarkError(description: "no connection") }
    var on: Int32 = 1
    setsockopt(
      descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    return descriptor
  }

  /// Connected pairs by way of a listener: what is sent into the first comes out of the second.
  static func pairs(_ count: Int) throws -> [(near: Int32, far: Int32)] {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(listener) }
    var address = loopback(0)
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let port = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, size)
        listen(listener, 4096)
        getsockname(listener, $0, &size)
        return 0
      }
    }
    _ = port
    return try (0..<count).map { _ in
      let far = try connect(to: Int(UInt16(bigEndian: address.sin_port)))
      let near = accept(listener, nil, nil)
      guard near >= 0 else { throw BenchmarkError(description: "no connection accepted") }
      var on: Int32 = 1
      setsockopt(near, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
      return (near, far)
    }
  }

  /// Connects and upgrades, with compression as the server likes it.
  static func webSocket(to port: Int) throws -> Int32 {
    let descriptor = try connect(to: port)
    let request = """
      GET / HTTP/1.1\r
      Host: 127.0.0.1\r
      Upgrade: websocket\r
      Connection: Upgrade\r
      Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
      Sec-WebSocket-Version: 13\r
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
    return descriptor
  }

  /// Sends everything.
  static func send(_ bytes: [UInt8], to descriptor: Int32) {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes { raw in
        Glibc.send(
          descriptor, raw.baseAddress.map { $0 + sent }, raw.count - sent,
          Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return }
      sent += count
    }
  }

  /// Takes in what has come, and forgets it; answers with how much.
  @discardableResult
  static func drain(_ descriptor: Int32, into buffer: inout [UInt8]) -> Int {
    max(0, recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT)))
  }

  private static func loopback(_ port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
    return address
  }
}

/// Telemetry as a client puts it on the wire: compressed with takeover by an ordinary stream, masked.
struct WireMessages {
  /// One frame each.
  var frames: [[UInt8]] = []
  /// The frames' payloads before masking.
  var payloads: [[UInt8]] = []
  /// Bytes of plaintext of all.
  var plainBytes = 0
  /// Bytes of all frames.
  var wireBytes: Int { frames.reduce(0) { $0 + $1.count } }

  init(count: Int, windowBits: Int32 = 10, level: Int32 = 6) {
    var stream = z_stream()
    hawser_deflate_init(&stream, level, windowBits, 8)
    defer { deflateEnd(&stream) }
    var telemetry = Telemetry()
    for number in 0..<count {
      var plain = telemetry.next()
      plainBytes += plain.count
      var output = [UInt8](repeating: 0, count: 512)
      let written = plain.withUnsafeMutableBufferPointer { source in
        output.withUnsafeMutableBufferPointer { target in
          stream.next_in = source.baseAddress
          stream.avail_in = UInt32(source.count)
          stream.next_out = target.baseAddress
          stream.avail_out = UInt32(target.count)
          deflate(&stream, Z_SYNC_FLUSH)
          return target.count - Int(stream.avail_out) - 4
        }
      }
      let payload = Array(output.prefix(written))
      payloads.append(payload)
      frames.append(Self.frame(payload, key: 0x1234_5678 &+ UInt32(number) &* 2_654_435_761))
    }
  }

  private static func frame(_ payload: [UInt8], key: UInt32) -> [UInt8] {
    let header = FrameHeader(
      fin: true, compressed: true, opcode: .text, maskKey: key, length: payload.count)
    var bytes = [UInt8](unsafeUninitializedCapacity: FrameHeader.maximumBytes) { buffer, count in
      count = header.write(to: UnsafeMutableRawBufferPointer(buffer))
    }
    var masked = payload
    masked.withUnsafeMutableBytes { raw in
      guard let start = raw.baseAddress else { return }
      Masking.apply(key, from: start, to: start, count: raw.count)
    }
    bytes += masked
    return bytes
  }
}
