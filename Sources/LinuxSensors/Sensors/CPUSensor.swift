package import AgentCore
package import TelemetryModel

/// How busy the processors were since the previous sample, all together, from the first line of
/// `/proc/stat`: `cpu.utilization` (work of any kind) and `cpu.iowait` (idle with a disk request
/// out), both ratios.
package struct CPUSensor: Sensor {
  /// `cpu`.
  package let name = "cpu"
  private let file: ProcFile
  private var last: Ticks?

  /// - Throws: the reason where `/proc/stat` cannot be read.
  package init(root: SystemRoot) throws(SensorFailure) {
    file = ProcFile(root.proc("stat"), capacity: 512, prefixOnly: true)
    _ = try Ticks(file)
  }

  /// Appends both ratios from the second call on.
  package mutating func read(
    at time: SampleTime, into records: inout [SenMLRecord]
  ) throws(SensorFailure) {
    let now = try Ticks(file)
    defer { last = now }
    guard let last else { return }
    // The kernel's idle and iowait may step back a little between reads; that is no time at all.
    let busy = Double(now.busy.saturatingDifference(last.busy))
    let idle = Double(now.idle.saturatingDifference(last.idle))
    let waiting = Double(now.waiting.saturatingDifference(last.waiting))
    let total = busy + idle + waiting
    guard total > 0 else { return }
    records.append("cpu.utilization", busy / total, Unit.ratio, at: time)
    records.append("cpu.iowait", waiting / total, Unit.ratio, at: time)
  }

  /// Clock ticks since boot, summed over the processors.
  private struct Ticks {
    var busy: UInt64 = 0
    var idle: UInt64 = 0
    var waiting: UInt64 = 0

    init(_ file: ProcFile) throws(SensorFailure) {
      var text = try file.read()
      // user nice system idle iowait irq softirq steal; guest time is within user already.
      guard text.skip("cpu "), let user = text.unsigned(), let nice = text.unsigned(),
        let system = text.unsigned(), let idle = text.unsigned()
      else { throw SensorFailure("\(file.path): no processor times in it") }
      busy = user &+ nice &+ system
      self.idle = idle
      waiting = text.unsigned() ?? 0
      for _ in 0..<3 { busy &+= text.unsigned() ?? 0 }
    }
  }
}

extension UInt64 {
  fileprivate func saturatingDifference(_ other: UInt64) -> UInt64 {
    self > other ? self - other : 0
  }
}
