import Foundation
import Glibc
import Testing
import TestSupport

extension EndToEndTests {
  /// What a broker's one port answers a connection's first request, byte by byte: no HTTP library lets
  /// a test ask for what is not right.
  @Suite("One port", .timeLimit(.minutes(1)))
  struct OnePort {
    private static let upgrade = [
      "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      "Sec-WebSocket-Version: 13",
    ]

    @Test("Every request gets its own answer, whether it asks for an upgrade or not")
    func answers() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        func expect(
          _ status: Int, _ request: String, _ fields: [String] = Self.upgrade,
          saying lines: [String] = [], sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
          let answer = try RawRequest.answer(
            port: broker.port, [request + " HTTP/1.1", "Host: 127.0.0.1:\(broker.port)"] + fields)
          #expect(answer.hasPrefix("HTTP/1.1 \(status) "), sourceLocation: sourceLocation)
          let head = answer.lowercased().split(separator: "\r\n")
          for line in lines {
            #expect(
              head.contains { $0 == line.lowercased() }, "\(answer)",
              sourceLocation: sourceLocation)
          }
        }
        // Ordinary resources are served, an upgrade that they do not know left aside.
        try expect(200, "GET /healthz")
        try expect(404, "GET /nowhere")
        // Endpoints say what they are.
        let version = "Sec-WebSocket-Version: 13"
        for path in ["/v1/device?device=a", "/v1/live"] {
          try expect(426, "GET \(path)", [], saying: [version, "Upgrade: websocket"])
          try expect(
            426, "GET \(path)", Self.upgrade.dropLast() + ["Sec-WebSocket-Version: 8"],
            saying: [version])
          try expect(405, "POST \(path)", Self.upgrade, saying: ["Allow: GET"])
          try expect(400, "GET \(path)", Self.upgrade.filter { !$0.contains("Key") })
          try expect(400, "GET \(path)", Self.upgrade + ["Sec-WebSocket-Extensions: a; ="])
        }
        try expect(400, "GET /v1/device")
        try expect(400, "GET /v1/device?device=a")
        try expect(
          101, "GET /v1/device?device=a",
          Self.upgrade + ["Sec-WebSocket-Protocol: other, hawser.device.v1"],
          saying: ["Sec-WebSocket-Protocol: hawser.device.v1"])
        try expect(
          101, "GET /v1/live", saying: ["Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="])
      }
    }
  }
}

/// One request over a TCP connection of its own, written and read as it is.
private enum RawRequest {
  /// The answer's head, and what came with it.
  static func answer(port: Int, _ lines: [String]) throws -> String {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var limit = timeval(tv_sec: 10, tv_usec: 0)
    setsockopt(
      descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
    let status = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard status == 0 else { throw TestFailure("no connection, errno \(errno)") }
    let request = Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
    _ = send(descriptor, request, request.count, Int32(MSG_NOSIGNAL))
    var answer: [UInt8] = []
    var bytes = [UInt8](repeating: 0, count: 4096)
    while !String(decoding: answer, as: UTF8.self).contains("\r\n\r\n") {
      let count = recv(descriptor, &bytes, bytes.count, 0)
      guard count > 0 else { break }
      answer += bytes.prefix(count)
    }
    return String(decoding: answer, as: UTF8.self)
  }
}
