/// What makes a path: another network, gateway, proxy or broker means other boxes on the way.
package struct PathKey: Hashable, Sendable {
  /// The interface that packets to the broker leave by; empty where it is not known.
  package var interface: String
  /// The gateway's address; empty on a network that needs none.
  package var gateway: String
  /// Host and port of the proxy; empty without one.
  package var proxy: String
  /// Host and port of the broker.
  package var broker: String

  /// Names all parts.
  package init(interface: String = "", gateway: String = "", proxy: String = "", broker: String) {
    self.interface = interface
    self.gateway = gateway
    self.proxy = proxy
    self.broker = broker
  }

  /// Kind of interface and gateway: the same for every device in this place, and nothing that
  /// names this one.
  package var network: String {
    let words = [interface.isEmpty ? "" : Self.kind(of: interface), gateway, proxy]
    let text = words.filter { !$0.isEmpty }.joined(separator: " ")
    // 128 bytes are what the protocol has room for.
    return text.isEmpty ? "unknown" : String(text.prefix(120))
  }

  private static func kind(of interface: String) -> String {
    let kinds = [
      ("eth", "ethernet"), ("en", "ethernet"), ("wl", "wifi"), ("ww", "mobile"),
      ("ppp", "mobile"), ("rmnet", "mobile"), ("usb", "usb"), ("lo", "loopback"),
      ("tun", "tunnel"), ("tap", "tunnel"), ("wg", "tunnel"), ("veth", "virtual"),
      ("br", "bridge"),
    ]
    return kinds.first { interface.hasPrefix($0.0) }?.1 ?? "other"
  }
}
