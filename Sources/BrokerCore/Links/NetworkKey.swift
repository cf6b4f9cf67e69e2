/// A network, as far as agents and the broker together can tell it from others.
///
/// What an agent calls its network ("wifi 192.168.1.1") is the same in a thousand homes; where its
/// links come from tells those apart, as far as no proxy of the broker's own stands between.
package struct NetworkKey: Hashable, Sendable {
  /// What the agent calls it; nil where it does not say.
  package var name: String?
  /// The addresses that its links come from, as a prefix (`203.0.113.0/24`, `2001:db8:7::/48`).
  package var source: String?

  /// All networks for which there is no room of their own.
  package static let others = NetworkKey(name: "others", source: nil)

  /// Names both.
  package init(name: String?, source: String?) {
    self.name = name
    self.source = source
  }

  /// What a link says: the agent's own name, and the address it came from.
  package init(name: String?, address: String?) {
    self.name = name
    source = address.flatMap(NetworkKey.prefix)
  }

  /// A /24 or /48: what one customer of a provider has, or a provider's translator uses.
  private static func prefix(of address: String) -> String? {
    var address = address[...]
    if let zone = address.firstIndex(of: "%") { address = address[..<zone] }
    if address.contains(".") {
      // IPv4, perhaps written as IPv6 (::ffff:192.0.2.1).
      let parts = (address.split(separator: ":").last ?? "").split(separator: ".")
      guard parts.count == 4 else { return nil }
      return parts.prefix(3).joined(separator: ".") + ".0/24"
    }
    guard address.contains(":") else { return nil }
    if address.hasPrefix("::") { return "::/48" }
    let groups = address.split(separator: ":", omittingEmptySubsequences: false)
    let leading = groups.prefix { !$0.isEmpty }.prefix(3)
    return leading.joined(separator: ":") + "::/48"
  }
}

extension NetworkKey: Comparable {
  /// By name, then by source; what is not known comes first.
  package static func < (left: NetworkKey, right: NetworkKey) -> Bool {
    (left.name ?? "", left.source ?? "") < (right.name ?? "", right.source ?? "")
  }
}
