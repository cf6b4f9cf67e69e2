import NIOCore

/// Where a client connects to: a `ws` or `wss` URI (RFC 6455 §3).
package struct WebSocketURL: Hashable, Sendable, CustomStringConvertible {
  /// `wss`.
  package let isSecure: Bool
  /// Name or address; an IPv6 address without its brackets.
  package let host: String
  /// 80 or 443 where the URI names none.
  package let port: Int
  /// Path and query, as the request line has them.
  package let target: String

  /// Reads `ws://…` or `wss://…` (also `http://…` and `https://…`). Nil for anything else, for a
  /// fragment, and for credentials within: they would end up in logs.
  package init?(_ text: String) {
    guard let scheme = text.range(ofFirst: "://") else { return nil }
    switch text[..<scheme.lowerBound].lowercased() {
    case "ws", "http": isSecure = false
    case "wss", "https": isSecure = true
    default: return nil
    }
    let rest = text[scheme.upperBound...]
    guard rest.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), !rest.contains("#") else { return nil }
    let authority = rest.prefix { $0 != "/" && $0 != "?" }
    guard !authority.contains("@"),
      let place = HostAndPort(authority, defaultPort: isSecure ? 443 : 80)
    else { return nil }
    host = place.host
    port = place.port
    let target = rest[authority.endIndex...]
    self.target = target.hasPrefix("/") ? String(target) : "/" + target
  }

  /// What the `Host` field says: the port only where it is not the scheme's own.
  package var hostField: String {
    let name = host.contains(":") ? "[\(host)]" : host
    return port == (isSecure ? 443 : 80) ? name : "\(name):\(port)"
  }

  /// Host and port as `CONNECT` names them.
  package var authority: String {
    (host.contains(":") ? "[\(host)]" : host) + ":\(port)"
  }

  /// The URI without its query, which may hold a token.
  package var description: String {
    (isSecure ? "wss://" : "ws://") + hostField + target.prefix { $0 != "?" }
  }
}

/// A host, maybe in brackets, and a port.
struct HostAndPort: Hashable, Sendable {
  var host: String
  var port: Int

  init?(_ text: Substring, defaultPort: Int) {
    var rest = text
    if rest.hasPrefix("[") {
      guard let end = rest.firstIndex(of: "]") else { return nil }
      host = String(rest[rest.index(after: rest.startIndex)..<end])
      guard (try? SocketAddress(ipAddress: host, port: 0)) != nil else { return nil }
      rest = rest[rest.index(after: end)...]
    } else {
      let name = rest.prefix { $0 != ":" }
      host = String(name)
      rest = rest[name.endIndex...]
    }
    guard !host.isEmpty else { return nil }
    if rest.isEmpty {
      port = defaultPort
    } else {
      guard rest.hasPrefix(":"), let number = Int(rest.dropFirst()), 1...65535 ~= number else {
        return nil
      }
      port = number
    }
  }
}

extension StringProtocol {
  /// Where `text` occurs first.
  func range(ofFirst text: String) -> Range<Index>? {
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(text) {
        return start..<index(start, offsetBy: text.count)
      }
      start = index(after: start)
    }
    return nil
  }
}
