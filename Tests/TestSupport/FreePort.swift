import Glibc

/// Ports for programs that must be found again at the same place.
package enum FreePort {
  /// A loopback port that nobody listens on, below those that the system hands out to clients.
  ///
  /// Among the latter a client that keeps trying to reach a stopped broker can be given the very
  /// port it calls, and then is connected to itself, which keeps the broker from coming back.
  package static func pick() throws -> Int {
    for _ in 0..<200 {
      let port = Int.random(in: 20_000..<32_000)
      if isFree(port) { return port }
    }
    throw TestFailure("no free port between 20000 and 32000")
  }

  private static func isFree(_ port: Int) -> Bool {
    attempt(bind, at: port)
  }

  /// Whether somebody listens on a loopback port; it sees a connection that ends at once.
  package static func isServed(_ port: Int) -> Bool {
    attempt(connect, at: port)
  }

  private static func attempt(
    _ call: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32, at port: Int
  ) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        call(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
  }
}
