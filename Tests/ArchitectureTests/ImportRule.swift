/// Which modules a target may import: the arrows of `Sources/ARCHITECTURE.md`, as a table.
///
/// SwiftPM does not enforce its own dependency lists: an incremental build finds the modules of
/// siblings that are not declared. This rule reads the imports instead.
enum ImportRule {
  /// What the first arrow of a target points at, and what it may use from outside the package.
  struct Allowance {
    let targets: Set<String>
    let outside: Set<String>
  }

  static let nio: Set<String> = ["NIOCore", "NIOPosix", "NIOHTTP1"]

  static let table: [String: Allowance] = [
    "CPrefetch": Allowance(targets: [], outside: []),
    "CWallClock": Allowance(targets: [], outside: []),
    "CYaml": Allowance(targets: [], outside: []),
    "CZlib": Allowance(targets: [], outside: []),
    "CLinux": Allowance(targets: [], outside: []),
    "TelemetryModel": Allowance(targets: [], outside: ["Glibc"]),
    "DeviceProtocol": Allowance(targets: ["TelemetryModel"], outside: ["Glibc"]),
    "WebSocketTransport": Allowance(
      targets: ["CPrefetch", "CZlib"],
      outside: nio.union(["NIOWebSocket", "NIOSSL", "NIOTLS", "Glibc"])),
    "BrokerCore": Allowance(targets: ["DeviceProtocol"], outside: ["Logging", "Metrics", "Glibc"]),
    "TelemetryStore": Allowance(
      targets: ["BrokerCore"], outside: ["GRDB", "Logging", "Foundation", "Glibc"]),
    "BrokerServer": Allowance(
      targets: ["WebSocketTransport", "BrokerCore"],
      outside: nio.union([
        "Hummingbird", "HummingbirdCore", "HTTPTypes", "ServiceLifecycle", "Logging", "Metrics",
        "Foundation", "FoundationEssentials", "Glibc",
      ])),
    "AgentCore": Allowance(targets: ["DeviceProtocol"], outside: ["Logging", "Glibc"]),
    "LinuxSensors": Allowance(targets: ["AgentCore"], outside: ["Glibc"]),
    "Settings": Allowance(targets: ["CYaml"], outside: ["Glibc"]),
    "hawser": Allowance(
      targets: ["BrokerServer", "TelemetryStore", "Settings"],
      outside: nio.union([
        "ArgumentParser", "ServiceLifecycle", "UnixSignals", "Logging", "Metrics", "Foundation",
        "FoundationEssentials", "Glibc",
      ])),
    "hawser-agent": Allowance(
      targets: ["LinuxSensors", "WebSocketTransport", "Settings", "CLinux", "CWallClock"],
      outside: nio.union([
        "ArgumentParser", "ServiceLifecycle", "UnixSignals", "Logging", "FoundationEssentials",
        "Glibc",
      ])),
  ]

  /// Modules that are part of the language, allowed everywhere.
  static let language: Set<String> = [
    "Swift", "Synchronization", "_Concurrency", "_StringProcessing",
  ]

  /// Targets of which the agent is made: full Foundation would bring its tens of megabytes of
  /// internationalisation data onto every device.
  static let agentSide: Set<String> = [
    "TelemetryModel", "DeviceProtocol", "WebSocketTransport", "AgentCore", "LinuxSensors",
    "Settings", "hawser-agent",
  ]
  static let fullFoundation: Set<String> = [
    "Foundation", "FoundationNetworking", "FoundationInternationalization", "FoundationXML",
  ]

  /// Everything along a target's arrows.
  static func reachable(from target: String) -> Set<String> {
    var found: Set<String> = []
    var pending = Array(table[target]?.targets ?? [])
    while let next = pending.popLast() {
      if found.insert(next).inserted { pending += table[next]?.targets ?? [] }
    }
    return found
  }

  static func violations(in file: SourceFile) -> [Violation] {
    guard let target = file.target else { return [] }
    guard let allowance = table[target] else {
      return [
        Violation(
          path: file.path, line: 1, message: "target \(target) is not in the table of imports")
      ]
    }
    let allowed = reachable(from: target).union(allowance.outside).union(language)
    return imports(of: file).compactMap { line, module in
      if fullFoundation.contains(module), agentSide.contains(target) {
        return Violation(
          path: file.path, line: line, message: "\(module) on the agent's side (\(target))")
      }
      guard !allowed.contains(module) else { return nil }
      return Violation(path: file.path, line: line, message: "\(target) may not import \(module)")
    }
  }

  /// The modules a file imports: `package import struct NIOCore.ByteBuffer` is `NIOCore`.
  static func imports(of file: SourceFile) -> [(line: Int, module: String)] {
    file.lines.enumerated().compactMap { index, line in
      let importing =
        /^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:public|package|internal|fileprivate|private)\s+)?import\s+(?:(?:struct|class|enum|protocol|func|var|let|typealias)\s+)?(\w+)/
      guard let match = line.firstMatch(of: importing) else { return nil }
      return (index + 1, String(match.1))
    }
  }
}
