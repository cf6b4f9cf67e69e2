/// Whose metric a resolved SenML name is, seen from the device that sent it.
///
/// A resolved name (base name and name) is the metric, after a leading `DEVICE/` or `urn:dev:…:`
/// that names the sender is taken off. A `urn:dev:` name (RFC 9039) of any other device, or a name
/// below another device known to the caller, belongs to that device; whether the sender may speak
/// for it (a gateway) is for the caller to decide.
package enum ResolvedName: Hashable, Sendable {
  /// The sender's own metric.
  case own(MetricName)
  /// A metric of the named other device.
  case other(device: DeviceID, metric: MetricName)

  /// Takes a resolved name apart.
  ///
  /// - Parameters:
  ///   - name: the resolved name, base name included.
  ///   - sender: the device that sent it.
  ///   - isDevice: whether the part before the first `/` is another device's name; called only for
  ///     names with a `/` that do not begin with the sender's.
  /// - Throws: what is wrong with the metric's name, or with the other device's.
  package init(
    _ name: String, sender: DeviceID, isDevice: (Substring) -> Bool = { _ in false }
  ) throws(NameError) {
    if name.utf8.starts(with: sender.string.utf8) {
      let rest = name.utf8.dropFirst(sender.string.utf8.count)
      let separator = rest.first
      if separator == UInt8(ascii: "/") || (separator == UInt8(ascii: ":") && Self.isURN(name)) {
        self = .own(try MetricName(String(Substring(rest.dropFirst()))))
        return
      }
    }
    if Self.isURN(name), let colon = name.utf8.lastIndex(of: UInt8(ascii: ":")) {
      let metric = try MetricName(String(name[name.utf8.index(after: colon)...]))
      let device = name[..<colon]
      // `urn:dev:mac:0024befffe804ff1` also names the device whose id is what follows the subtype.
      let short = device.split(separator: ":", maxSplits: 3).dropFirst(3).first
      if short.map(String.init) == sender.string {
        self = .own(metric)
      } else {
        self = .other(device: try DeviceID(String(device)), metric: metric)
      }
      return
    }
    if let slash = name.utf8.firstIndex(of: UInt8(ascii: "/")), isDevice(name[..<slash]) {
      let metric = try MetricName(String(name[name.utf8.index(after: slash)...]))
      self = .other(device: try DeviceID(String(name[..<slash])), metric: metric)
      return
    }
    self = .own(try MetricName(name))
  }

  private static func isURN(_ name: String) -> Bool { name.utf8.starts(with: "urn:dev:".utf8) }
}
