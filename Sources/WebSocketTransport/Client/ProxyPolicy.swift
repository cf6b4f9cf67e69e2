import Glibc

/// A forward proxy that is asked for a tunnel with `CONNECT` (RFC 9110 §9.3.6).
package struct ProxyEndpoint: Hashable, Sendable, CustomStringConvertible {
  /// The proxy's name or address.
  package var host: String
  /// The proxy's port.
  package var port: Int
  /// User name for Basic authentication (RFC 7617); nil for none.
  package var user: String?
  /// The password to it; never part of any text.
  package var password: String?

  /// A proxy; without `user` no credentials are sent.
  package init(host: String, port: Int, user: String? = nil, password: String? = nil) {
    self.host = host
    self.port = port
    self.user = user
    self.password = password
  }

  /// Reads `[http://][user[:password]@]host[:port]`, percent signs decoded in the credentials; port 80
  /// where none is named, as for any http URI. Nil for other schemes: proxies reached by TLS or SOCKS
  /// are not spoken to.
  package init?(_ text: String) {
    var rest = Substring(text)
    if let scheme = rest.range(ofFirst: "://") {
      guard rest[..<scheme.lowerBound].lowercased() == "http" else { return nil }
      rest = rest[scheme.upperBound...]
    }
    rest = rest.prefix { $0 != "/" }
    if let at = rest.lastIndex(of: "@") {
      let credentials = rest[..<at]
      let name = credentials.prefix { $0 != ":" }
      user = Self.percentDecoded(name)
      password = Self.percentDecoded(credentials[name.endIndex...].dropFirst())
      rest = rest[rest.index(after: at)...]
    }
    guard let place = HostAndPort(rest, defaultPort: 80) else { return nil }
    host = place.host
    port = place.port
  }

  /// Host and port; never the credentials.
  package var description: String { "\(host):\(port)" }

  /// The value of `Proxy-Authorization`; nil without credentials. Secret.
  var authorization: String? {
    guard let user else { return nil }
    return "Basic " + Base64.encode(Array("\(user):\(password ?? "")".utf8))
  }

  private static func percentDecoded(_ text: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%"), rest.count >= 2,
        let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
      {
        bytes.append(value)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// Which proxy, if any, a connection goes through.
package enum ProxyPolicy: Sendable, Equatable {
  /// Straight to the server.
  case direct
  /// Always through this one.
  case fixed(ProxyEndpoint)
  /// As the variables say: `https_proxy` for wss, `http_proxy` for ws, `all_proxy` for either, unless
  /// `no_proxy` names the host. Upper case counts too, but for `HTTP_PROXY`, which a web server's
  /// client can set ("httpoxy").
  case environment([String: String])

  /// The proxy for `url`; nil for none. Throws where a variable cannot be understood, naming the
  /// variable, not its value.
  package func proxy(for url: WebSocketURL) throws(HandshakeError) -> ProxyEndpoint? {
    switch self {
    case .direct: return nil
    case .fixed(let proxy): return proxy
    case .environment(let variables):
      let exempt = NoProxy(variables["no_proxy"] ?? variables["NO_PROXY"] ?? "")
      if exempt.contains(host: url.host, port: url.port) { return nil }
      let names =
        (url.isSecure ? ["https_proxy", "HTTPS_PROXY"] : ["http_proxy"])
        + ["all_proxy", "ALL_PROXY"]
      for name in names {
        guard let value = variables[name], !value.isEmpty else { continue }
        guard let proxy = ProxyEndpoint(value) else { throw .unusableProxy(variable: name) }
        return proxy
      }
      return nil
    }
  }
}

/// The hosts of `no_proxy`: names with everything below them, addresses, networks in CIDR form, each
/// with or without a port, and `*` for all.
package struct NoProxy: Sendable {
  private struct Entry {
    var host: String
    var port: Int?
    var prefixBits: Int?
  }

  private let entries: [Entry]

  /// Reads a list separated by commas or blanks.
  package init(_ list: String) {
    entries = list.split(whereSeparator: { $0 == "," || $0 == " " }).map { item in
      var host = item.lowercased()
      if let slash = host.lastIndex(of: "/"), let bits = Int(host[host.index(after: slash)...]) {
        return Entry(host: String(host[..<slash]), port: nil, prefixBits: bits)
      }
      var port: Int?
      // One colon separates a port; several are an IPv6 address.
      let isBracketed = host.hasPrefix("[")
      if isBracketed || host.filter({ $0 == ":" }).count == 1 {
        if let place = HostAndPort(Substring(host), defaultPort: 0) {
          host = place.host
          port = place.port == 0 ? nil : place.port
        }
      }
      if host.hasPrefix("*.") { host.removeFirst(1) }
      if host.hasPrefix(".") { host.removeFirst(1) }
      return Entry(host: host, port: port, prefixBits: nil)
    }
  }

  /// Whether a connection to `host` and `port` goes without proxy.
  package func contains(host: String, port: Int) -> Bool {
    let host = host.lowercased()
    let address = Self.bytes(host)
    return entries.contains { entry in
      if let wanted = entry.port, wanted != port { return false }
      if entry.host == "*" { return true }
      if let bits = entry.prefixBits {
        guard let address, let network = Self.bytes(entry.host) else { return false }
        return Self.share(address, network, bits: bits)
      }
      // The same address may be written in several ways.
      if let address { return address == Self.bytes(entry.host) }
      return host == entry.host || host.hasSuffix("." + entry.host)
    }
  }

  private static func share(_ a: [UInt8], _ b: [UInt8], bits: Int) -> Bool {
    guard a.count == b.count, 0...a.count * 8 ~= bits else { return false }
    let whole = bits / 8
    guard a[..<whole] == b[..<whole] else { return false }
    let rest = bits % 8
    return rest == 0 || (a[whole] ^ b[whole]) >> UInt8(8 - rest) == 0
  }

  /// An address's bytes in network order; nil for a name.
  private static func bytes(_ text: String) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: 16)
    if inet_pton(AF_INET, text, &bytes) == 1 { return Array(bytes.prefix(4)) }
    return inet_pton(AF_INET6, text, &bytes) == 1 ? bytes : nil
  }
}
