package import AgentCore
package import TelemetryModel

/// Temperatures in °C, from `/sys/class/thermal/thermal_zone*` (`temperature.TYPE`) and
/// `/sys/class/hwmon/hwmon*` (`temperature.CHIP.LABEL`). Chips that only mirror a thermal zone are
/// left out. A probe that cannot be read now (a radio that is off) is left out of that sample.
package struct TemperatureSensor: Sensor {
  /// `temperature`.
  package let name = "temperature"
  private let probes: [(metric: String, file: ProcFile)]

  /// Finds the probes.
  /// - Throws: the reason where this machine has none.
  package init(root: SystemRoot) throws(SensorFailure) {
    var found: [(metric: String, file: ProcFile)] = []
    func add(_ metric: String, _ path: String) {
      // Equal names (two nvme disks) are numbered from the second on.
      let same = found.count { $0.metric == metric || $0.metric.hasPrefix(metric + ".") }
      let unique = same == 0 ? metric : "\(metric).\(same + 1)"
      found.append((unique, ProcFile(path, capacity: 32)))
    }
    for zone in Folder.names(in: root.sys("class/thermal")) where zone.hasPrefix("thermal_zone") {
      let path = root.sys("class/thermal/\(zone)")
      guard Folder.exists("\(path)/temp") else { continue }
      add("temperature.\((ProcFile.text("\(path)/type") ?? zone).asMetricPart)", "\(path)/temp")
    }
    for chip in Folder.names(in: root.sys("class/hwmon")) {
      let path = root.sys("class/hwmon/\(chip)")
      let mirrorsZone =
        Folder.exists("\(path)/device/type") && Folder.exists("\(path)/device/temp")
      if mirrorsZone { continue }
      let chipName = (ProcFile.text("\(path)/name") ?? chip).asMetricPart
      for input in Folder.names(in: path)
      where input.hasPrefix("temp") && input.hasSuffix("_input") {
        let probe = input.dropLast("_input".count)
        let label = (ProcFile.text("\(path)/\(probe)_label") ?? String(probe)).lowercased()
        add("temperature.\(chipName).\(label.asMetricPart)", "\(path)/\(input)")
      }
    }
    guard !found.isEmpty else {
      throw SensorFailure("no thermal zone and no hardware monitor below \(root.sys("class"))")
    }
    probes = found
  }

  /// Appends one reading a probe.
  package mutating func read(
    at time: SampleTime, into records: inout [SenMLRecord]
  ) throws(SensorFailure) {
    for probe in probes {
      guard var text = try? probe.file.read(), let millidegrees = text.signed() else { continue }
      records.append(probe.metric, Double(millidegrees) / 1000, Unit.celsius, at: time)
    }
  }
}
