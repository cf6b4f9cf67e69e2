package import AgentCore
package import TelemetryModel

/// Traffic of each network interface, from `/proc/net/dev`: `net.NAME.rx` and `net.NAME.tx` in
/// bytes since the interface came up, `net.NAME.rxRate` and `net.NAME.txRate` in bits a second.
///
/// Interfaces count that have hardware behind them (`/sys/class/net/NAME/device`). Where none has,
/// as in a container, all count but loopback and what is made for others (bridges, veth, tunnels).
/// Interfaces that appear later are found.
package struct NetworkSensor: Sensor {
  /// `network`.
  package let name = "network"
  private let root: SystemRoot
  private let file: ProcFile
  private var interfaces: [Interface] = []
  private var hasHardware = false

  /// - Throws: the reason where `/proc/net/dev` cannot be read or shows no interface that counts.
  package init(root: SystemRoot) throws(SensorFailure) {
    self.root = root
    file = ProcFile(root.proc("net/dev"))
    var text = try file.read()
    try forEachInterface(&text) { _, _, _ in }
    guard interfaces.contains(where: counts) else {
      throw SensorFailure("\(file.path): no interface but loopback and virtual ones")
    }
  }

  /// Appends two readings an interface, four from the second call on.
  package mutating func read(
    at time: SampleTime, into records: inout [SenMLRecord]
  ) throws(SensorFailure) {
    var text = try file.read()
    try forEachInterface(&text) { interface, rx, tx in
      records.append(interface.names.rx, Double(rx), Unit.bytes, at: time)
      records.append(interface.names.tx, Double(tx), Unit.bytes, at: time)
      if let rate = interface.received.perSecond(rx, at: time.monotonic) {
        records.append(interface.names.rxRate, rate * 8, Unit.bitsPerSecond, at: time)
      }
      if let rate = interface.sent.perSecond(tx, at: time.monotonic) {
        records.append(interface.names.txRate, rate * 8, Unit.bitsPerSecond, at: time)
      }
    }
  }

  private struct Interface {
    let key: [UInt8]
    let isHardware: Bool
    let isForOthers: Bool
    let names: (rx: String, tx: String, rxRate: String, txRate: String)
    var received = CounterRate()
    var sent = CounterRate()

    init(_ name: String, root: SystemRoot) {
      key = Array(name.utf8)
      isHardware = Folder.exists(root.sys("class/net/\(name)/device"))
      isForOthers =
        name == "lo"
        || ["veth", "docker", "br-", "virbr", "ifb", "dummy", "tun", "tap", "wg", "cni", "flannel"]
          .contains { name.hasPrefix($0) }
      let part = "net.\(name.asMetricPart)"
      names = ("\(part).rx", "\(part).tx", "\(part).rxRate", "\(part).txRate")
    }
  }

  private func counts(_ interface: Interface) -> Bool {
    hasHardware ? interface.isHardware : !interface.isForOthers
  }

  private mutating func forEachInterface(
    _ text: inout TextScanner,
    _ body: (inout Interface, _ rx: UInt64, _ tx: UInt64) -> Void
  ) throws(SensorFailure) {
    // Two lines of headings come first.
    guard text.nextLine(), text.nextLine() else { return }
    repeat {
      guard let name = text.word(upTo: UInt8(ascii: ":")), text.skip(":") else { continue }
      let index = indexOfInterface(name, text)
      guard counts(interfaces[index]) else { continue }
      guard let rx = text.unsigned(), text.skipWords(7), let tx = text.unsigned() else {
        throw SensorFailure("\(file.path): a line with too few figures")
      }
      body(&interfaces[index], rx, tx)
    } while text.nextLine()
  }

  private mutating func indexOfInterface(_ name: Range<Int>, _ text: TextScanner) -> Int {
    if let index = interfaces.firstIndex(where: { text.equals(name, $0.key) }) { return index }
    let interface = Interface(text.text(name), root: root)
    hasHardware = hasHardware || interface.isHardware
    interfaces.append(interface)
    return interfaces.count - 1
  }
}
