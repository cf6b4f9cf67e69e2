import Glibc

/// Where packets leave this machine, from `/proc/net/route` and `/proc/net/ipv6_route`.
package struct RouteTable: Hashable, Sendable {
  /// One route.
  package struct Route: Hashable, Sendable {
    /// The interface's name.
    package let interface: String
    /// The gateway's address; empty on the network itself.
    package let gateway: String
    let destination: [UInt8]
    let prefixBits: Int
    let metric: UInt64
  }

  /// Routes in use, of both families.
  package let routes: [Route]

  /// A table of these routes.
  package init(routes: [Route]) {
    self.routes = routes
  }

  /// The routes of a system; none where there is no table.
  package static func read(root: SystemRoot) -> RouteTable {
    var routes: [Route] = []
    if let text = try? ProcFile(root.proc("net/route")).read() { routes += ipv4(text) }
    if let text = try? ProcFile(root.proc("net/ipv6_route")).read() { routes += ipv6(text) }
    return RouteTable(routes: routes)
  }

  /// The route that packets to a host take: an address by the table; a name, whose address may be
  /// any, by the default route.
  package func route(to host: String) -> Route? {
    if host == "localhost" { return route(to: "127.0.0.1") }
    let address = Self.address(host)
    if let address, Self.isLoopback(address) {
      return Route(interface: "lo", gateway: "", destination: [], prefixBits: 0, metric: 0)
    }
    let fitting = routes.filter { route in
      guard let address else { return route.prefixBits == 0 }
      return address.count == route.destination.count
        && Self.matches(address, route.destination, bits: route.prefixBits)
    }
    return fitting.min {
      ($0.prefixBits, $1.metric, $1.destination.count)
        > ($1.prefixBits, $0.metric, $0.destination.count)
    }
  }

  /// `Iface Destination Gateway Flags RefCnt Use Metric Mask …`, addresses as the kernel holds
  /// them: the bytes in memory order of this machine, in hexadecimal.
  private static func ipv4(_ text: TextScanner) -> [Route] {
    var text = text
    var routes: [Route] = []
    while text.nextLine() {
      let words = text.line().split(whereSeparator: { $0 == " " || $0 == "\t" })
      guard words.count >= 8, let destination = UInt32(words[1], radix: 16),
        let gateway = UInt32(words[2], radix: 16), let flags = UInt32(words[3], radix: 16),
        let metric = UInt64(words[6]), let mask = UInt32(words[7], radix: 16),
        isUsable(flags)
      else { continue }
      let gatewayBytes = bytes(gateway)
      routes.append(
        Route(
          interface: String(words[0]),
          gateway: gateway == 0 ? "" : gatewayBytes.map { "\($0)" }.joined(separator: "."),
          destination: bytes(destination), prefixBits: mask.nonzeroBitCount, metric: metric))
    }
    return routes
  }

  /// `destination prefix source prefix nexthop metric refcnt use flags iface`, all hexadecimal.
  private static func ipv6(_ text: TextScanner) -> [Route] {
    var text = text
    var routes: [Route] = []
    var isFirst = true
    while isFirst ? !text.isAtEnd : text.nextLine() {
      isFirst = false
      let words = text.line().split(separator: " ")
      guard words.count >= 10, let destination = hexBytes(words[0]), destination.count == 16,
        let prefix = Int(words[1], radix: 16), let gateway = hexBytes(words[4]),
        gateway.count == 16, let metric = UInt64(words[5], radix: 16),
        let flags = UInt32(words[8], radix: 16), isUsable(flags)
      else { continue }
      routes.append(
        Route(
          interface: String(words[9]), gateway: ipv6Text(gateway), destination: destination,
          prefixBits: prefix, metric: metric))
    }
    return routes
  }

  /// `RTF_UP` and not `RTF_REJECT` of the kernel's `route.h`, which Glibc does not bring to Swift.
  private static func isUsable(_ flags: UInt32) -> Bool {
    flags & 0x0001 != 0 && flags & 0x0200 == 0
  }

  private static func bytes(_ word: UInt32) -> [UInt8] {
    withUnsafeBytes(of: word) { Array($0) }
  }

  private static func hexBytes(_ text: Substring) -> [UInt8]? {
    let digits = Array(text.utf8)
    guard digits.count % 2 == 0 else { return nil }
    var bytes: [UInt8] = []
    for index in stride(from: 0, to: digits.count, by: 2) {
      let pair = String(decoding: digits[index..<index + 2], as: UTF8.self)
      guard let byte = UInt8(pair, radix: 16) else { return nil }
      bytes.append(byte)
    }
    return bytes
  }

  private static func ipv6Text(_ bytes: [UInt8]) -> String {
    guard bytes.contains(where: { $0 != 0 }) else { return "" }
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    guard inet_ntop(AF_INET6, bytes, &text, socklen_t(text.count)) != nil else { return "" }
    return String(
      decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  private static func address(_ text: String) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: 16)
    if inet_pton(AF_INET, text, &bytes) == 1 { return Array(bytes.prefix(4)) }
    return inet_pton(AF_INET6, text, &bytes) == 1 ? bytes : nil
  }

  private static func isLoopback(_ address: [UInt8]) -> Bool {
    address.count == 4
      ? address[0] == 127 : address.dropLast().allSatisfy { $0 == 0 } && address.last == 1
  }

  private static func matches(_ address: [UInt8], _ network: [UInt8], bits: Int) -> Bool {
    for index in 0..<min(bits, address.count * 8) {
      let mask = UInt8(0x80) >> UInt8(index % 8)
      if (address[index / 8] ^ network[index / 8]) & mask != 0 { return false }
    }
    return true
  }
}
