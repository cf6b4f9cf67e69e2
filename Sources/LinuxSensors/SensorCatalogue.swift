package import AgentCore

/// Every kind of sensor that this agent knows, and which of them this machine has.
package enum SensorCatalogue {
  /// The names of all kinds, in the order in which they are read.
  package static let names = [
    "cpu", "load", "memory", "filesystem", "disk", "network", "temperature", "uptime",
  ]

  /// Looks for each named kind; names that are not known are absent for that reason.
  /// - Parameters:
  ///   - names: what to look for, in this order.
  ///   - root: where `/proc` and `/sys` are.
  ///   - diskPath: a path on the file system whose space is reported.
  /// - Returns: one entry for each name.
  package static func detect(
    _ names: [String] = names, root: SystemRoot = SystemRoot(), diskPath: String = "/"
  ) -> [DetectedSensor] {
    names.map { name in
      do throws(SensorFailure) {
        return DetectedSensor(
          name: name, sensor: try make(name, root: root, diskPath: diskPath), absence: nil)
      } catch {
        return DetectedSensor(name: name, sensor: nil, absence: error.reason)
      }
    }
  }

  private static func make(
    _ name: String, root: SystemRoot, diskPath: String
  ) throws(SensorFailure) -> any Sensor {
    switch name {
    case "cpu": try CPUSensor(root: root)
    case "load": try LoadSensor(root: root)
    case "memory": try MemorySensor(root: root)
    case "filesystem": try FilesystemSensor(path: diskPath)
    case "disk": try DiskSensor(root: root)
    case "network": try NetworkSensor(root: root)
    case "temperature": try TemperatureSensor(root: root)
    case "uptime": try UptimeSensor(root: root)
    default: throw SensorFailure("no sensor of this name is known")
    }
  }
}

/// A kind of sensor that was looked for: either there, or absent with the reason.
package struct DetectedSensor {
  /// The kind.
  package let name: String
  /// The sensor, where this machine has it.
  package let sensor: (any Sensor)?
  /// Why it is absent; nil where it is there.
  package let absence: String?
}
