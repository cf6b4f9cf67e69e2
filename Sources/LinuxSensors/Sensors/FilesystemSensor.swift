package import AgentCore
import Glibc
package import TelemetryModel

/// Space of one mounted file system, from `statvfs`: `disk.root.total`, `disk.root.used`,
/// `disk.root.available` (to ordinary users) and `disk.root.utilization` as `df` computes it.
package struct FilesystemSensor: Sensor {
  /// `filesystem`.
  package let name = "filesystem"
  private let path: String
  private let names: (total: String, used: String, available: String, utilization: String)

  /// - Parameters:
  ///   - path: any path on the file system.
  ///   - label: the part of the metrics' names that tells file systems apart.
  /// - Throws: the reason where it cannot be asked.
  package init(path: String, label: String = "root") throws(SensorFailure) {
    self.path = path
    let prefix = "disk.\(label.asMetricPart)"
    names = (
      "\(prefix).total", "\(prefix).used", "\(prefix).available", "\(prefix).utilization"
    )
    _ = try Self.space(of: path)
  }

  /// Appends four readings.
  package mutating func read(
    at time: SampleTime, into records: inout [SenMLRecord]
  ) throws(SensorFailure) {
    let space = try Self.space(of: path)
    records.append(names.total, space.total, Unit.bytes, at: time)
    records.append(names.used, space.used, Unit.bytes, at: time)
    records.append(names.available, space.available, Unit.bytes, at: time)
    records.append(
      names.utilization, space.used / (space.used + space.available), Unit.ratio, at: time)
  }

  private static func space(
    of path: String
  ) throws(SensorFailure) -> (total: Double, used: Double, available: Double) {
    var status = statvfs()
    guard statvfs(path, &status) == 0 else {
      throw SensorFailure("\(path): \(String(cString: strerror(errno)))")
    }
    let block = Double(status.f_frsize)
    let used = Double(status.f_blocks) - Double(status.f_bfree)
    let available = Double(status.f_bavail)
    guard status.f_blocks > 0, used + available > 0 else {
      throw SensorFailure("\(path): a file system without blocks")
    }
    return (Double(status.f_blocks) * block, used * block, available * block)
  }
}
