import AgentCore
import LinuxSensors
import TelemetryModel
import Testing

@Suite("Sensors on recorded machines")
struct RecordedMachineTests {
  @Test("A Raspberry Pi has every sensor, its thermal zone counted once")
  func raspberryPi() throws {
    let detected = SensorCatalogue.detect(root: Machine.recorded("raspberry-pi-4").root)
    #expect(detected.compactMap(\.absence) == [])
    var temperature = try TemperatureSensor(root: Machine.recorded("raspberry-pi-4").root)
    #expect(try temperature.readings() == ["temperature.cpu-thermal": Reading(48.312, "Cel")])
  }

  @Test("Memory counts bytes and ratios; swap shows where there is some")
  func memory() throws {
    var pi = try MemorySensor(root: Machine.recorded("raspberry-pi-4").root)
    let total = 3_882_364.0 * 1024
    let available = 3_408_112.0 * 1024
    #expect(
      try pi.readings() == [
        "memory.total": Reading(total, "B"), "memory.available": Reading(available, "B"),
        "memory.used": Reading(total - available, "B"),
        "memory.utilization": Reading((total - available) / total, "/"),
        "swap.used": Reading(0, "B"),
      ])
    var server = try MemorySensor(root: Machine.recorded("x86-server").root)
    #expect(try server.readings()["swap.used"] == nil)
  }

  @Test("Without MemAvailable, free and cached memory count as available")
  func oldKernel() throws {
    var sensor = try MemorySensor(root: Machine.recorded("container").root)
    #expect(
      try sensor.readings()["memory.available"] == Reading((524_288 + 10_240 + 102_400) * 1024, "B")
    )
  }

  @Test("A server's equal probes get numbers, cold ones negative values")
  func serverTemperatures() throws {
    var sensor = try TemperatureSensor(root: Machine.recorded("x86-server").root)
    #expect(
      try sensor.readings() == [
        "temperature.acpitz": Reading(27.8, "Cel"),
        "temperature.coretemp.package_id_0": Reading(61, "Cel"),
        "temperature.coretemp.core_0": Reading(58, "Cel"),
        "temperature.coretemp.core_1": Reading(57, "Cel"),
        "temperature.nvme.composite": Reading(38.85, "Cel"),
        "temperature.nvme.composite.2": Reading(-4.15, "Cel"),
      ])
  }

  @Test("Only interfaces with hardware count where there is one, also with no space before a count")
  func serverNetwork() throws {
    var sensor = try NetworkSensor(root: Machine.recorded("x86-server").root)
    #expect(
      try sensor.readings() == [
        "net.enp65s0f0.rx": Reading(8_123_312_330_123, "B"),
        "net.enp65s0f0.tx": Reading(4_123_312_330_123, "B"),
        "net.enp65s0f1.rx": Reading(82_133, "B"), "net.enp65s0f1.tx": Reading(90_123, "B"),
      ])
  }

  @Test("In a container the virtual interface counts, and what is missing says so")
  func container() throws {
    let root = Machine.recorded("container").root
    var network = try NetworkSensor(root: root)
    #expect(Set(try network.readings().keys) == ["net.eth0.rx", "net.eth0.tx"])
    let absences = SensorCatalogue.detect(root: root).compactMap { detected in
      detected.absence.map { "\(detected.name): \($0)" }
    }
    #expect(absences.count == 2)
    #expect(absences.first?.hasSuffix("/proc/diskstats: no disk with hardware behind it") == true)
    #expect(absences.last?.hasPrefix("temperature: no thermal zone") == true)
  }

  @Test("Whole disks alone give traffic, from the second reading on")
  func disks() throws {
    for (machine, disks) in [
      ("raspberry-pi-4", ["mmcblk0"]), ("x86-server", ["nvme0n1", "nvme1n1"]),
    ] {
      var sensor = try DiskSensor(root: Machine.recorded(machine).root)
      #expect(try sensor.readings(0).isEmpty)
      let names = disks.flatMap { ["disk.\($0).read", "disk.\($0).write", "disk.\($0).busy"] }
      #expect(Set(try sensor.readings(1).keys) == Set(names))
    }
  }

  @Test("Load and uptime are read with their fractions")
  func loadAndUptime() throws {
    var load = try LoadSensor(root: Machine.recorded("x86-server").root)
    #expect(
      try load.readings() == [
        "load.1m": Reading(3.41, "count"), "load.5m": Reading(2.98, "count"),
        "load.15m": Reading(2.6, "count"),
      ])
    var uptime = try UptimeSensor(root: Machine.recorded("x86-server").root)
    #expect(try uptime.readings() == ["uptime": Reading(12_465_120.02, "s")])
  }

  @Test("Every metric has a valid name and a registered primary unit")
  func namesAndUnits() throws {
    for machine in ["raspberry-pi-4", "x86-server", "container"] {
      var sampler = Sampler(
        sensors: SensorCatalogue.detect(root: Machine.recorded(machine).root).compactMap(\.sensor))
      _ = sampler.sample(at: .seconds(0))
      let sample = sampler.sample(at: .seconds(1))
      #expect(sample.changes.isEmpty)
      #expect(!sample.records.isEmpty)
      for record in sample.records {
        #expect(throws: Never.self) { try MetricName(record.name) }
        #expect(SenMLUnits.primary.contains(record.unit ?? ""))
      }
    }
  }

  @Test("An unknown sensor is absent for that reason")
  func unknown() {
    #expect(SensorCatalogue.detect(["gps"]).first?.absence == "no sensor of this name is known")
  }

  @Test("This machine's own sensors read")
  func live() throws {
    var sampler = Sampler(sensors: SensorCatalogue.detect().compactMap(\.sensor))
    let sample = sampler.sample(at: .seconds(0))
    #expect(sample.changes.isEmpty)
    let names = Set(sample.records.map(\.name))
    #expect(names.isSuperset(of: ["load.1m", "memory.used", "disk.root.used", "uptime"]))
  }
}
