package import AgentCore
package import TelemetryModel

/// Memory from `/proc/meminfo`: `memory.total`, `memory.available` (what programs can still get
/// without swapping), `memory.used` (the rest) and `memory.utilization`; with swap space also
/// `swap.used`.
package struct MemorySensor: Sensor {
  /// `memory`.
  package let name = "memory"
  private let file: ProcFile

  /// - Throws: the reason where `/proc/meminfo` cannot be read or lacks what is needed.
  package init(root: SystemRoot) throws(SensorFailure) {
    file = ProcFile(root.proc("meminfo"))
    _ = try Figures(file)
  }

  /// Appends four readings, five with swap.
  package mutating func read(
    at time: SampleTime, into records: inout [SenMLRecord]
  ) throws(SensorFailure) {
    let figures = try Figures(file)
    let used = figures.total - min(figures.available, figures.total)
    records.append("memory.total", Double(figures.total), Unit.bytes, at: time)
    records.append("memory.available", Double(figures.available), Unit.bytes, at: time)
    records.append("memory.used", Double(used), Unit.bytes, at: time)
    records.append(
      "memory.utilization", Double(used) / Double(figures.total), Unit.ratio, at: time)
    if figures.swapTotal > 0 {
      let used = figures.swapTotal - min(figures.swapFree, figures.swapTotal)
      records.append("swap.used", Double(used), Unit.bytes, at: time)
    }
  }

  /// Bytes, of the lines that count.
  private struct Figures {
    var total: UInt64 = 0
    var available: UInt64 = 0
    var swapTotal: UInt64 = 0
    var swapFree: UInt64 = 0

    init(_ file: ProcFile) throws(SensorFailure) {
      var text = try file.read()
      var free: UInt64 = 0
      var reclaimable: UInt64 = 0
      var knowsAvailable = false
      repeat {
        // The file counts in units of 1,024 bytes, which it calls kB.
        if text.skip("MemTotal:") {
          total = (text.unsigned() ?? 0) &* 1024
        } else if text.skip("MemFree:") {
          free = (text.unsigned() ?? 0) &* 1024
        } else if text.skip("MemAvailable:") {
          available = (text.unsigned() ?? 0) &* 1024
          knowsAvailable = true
        } else if text.skip("Buffers:") || text.skip("Cached:") {
          reclaimable &+= (text.unsigned() ?? 0) &* 1024
        } else if text.skip("SwapTotal:") {
          swapTotal = (text.unsigned() ?? 0) &* 1024
        } else if text.skip("SwapFree:") {
          swapFree = (text.unsigned() ?? 0) &* 1024
        }
      } while text.nextLine()
      guard total > 0 else { throw SensorFailure("\(file.path): no MemTotal in it") }
      // Kernels before 3.14 do not estimate it.
      if !knowsAvailable { available = min(free &+ reclaimable, total) }
    }
  }
}
