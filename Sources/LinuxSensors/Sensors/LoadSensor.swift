package import AgentCore
package import TelemetryModel

/// Processes running or waiting to run, averaged by the kernel over 1, 5 and 15 minutes, from
/// `/proc/loadavg`: `load.1m`, `load.5m`, `load.15m`.
package struct LoadSensor: Sensor {
  /// `load`.
  package let name = "load"
  private let file: ProcFile

  /// - Throws: the reason where `/proc/loadavg` cannot be read.
  package init(root: SystemRoot) throws(SensorFailure) {
    file = ProcFile(root.proc("loadavg"), capacity: 128)
    _ = try file.read()
  }

  /// Appends the three averages.
  package mutating func read(
    at time: SampleTime, into records: inout [SenMLRecord]
  ) throws(SensorFailure) {
    var text = try file.read()
    guard let one = text.decimal(), let five = text.decimal(), let fifteen = text.decimal()
    else { throw SensorFailure("\(file.path): no load averages in it") }
    records.append("load.1m", one, Unit.count, at: time)
    records.append("load.5m", five, Unit.count, at: time)
    records.append("load.15m", fifteen, Unit.count, at: time)
  }
}
