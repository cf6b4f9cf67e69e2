package import AgentCore
package import TelemetryModel

/// Seconds since the machine started, from `/proc/uptime`: `uptime`.
package struct UptimeSensor: Sensor {
  /// `uptime`.
  package let name = "uptime"
  private let file: ProcFile

  /// - Throws: the reason where `/proc/uptime` cannot be read.
  package init(root: SystemRoot) throws(SensorFailure) {
    file = ProcFile(root.proc("uptime"), capacity: 128)
    _ = try file.read()
  }

  /// Appends the seconds.
  package mutating func read(
    at time: SampleTime, into records: inout [SenMLRecord]
  ) throws(SensorFailure) {
    var text = try file.read()
    guard let seconds = text.decimal() else {
      throw SensorFailure("\(file.path): no uptime in it")
    }
    records.append("uptime", seconds, Unit.seconds, at: time)
  }
}
