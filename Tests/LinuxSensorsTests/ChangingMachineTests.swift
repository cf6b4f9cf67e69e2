import AgentCore
import LinuxSensors
import TelemetryModel
import Testing

@Suite("Sensors on a machine that changes")
struct ChangingMachineTests {
  @Test("Processor use is the share of ticks between two readings")
  func cpu() throws {
    try Machine.scratch { machine in
      try machine.write("proc/stat", "cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1\n")
      var sensor = try CPUSensor(root: machine.root)
      #expect(try sensor.readings(0).isEmpty)
      try machine.write("proc/stat", "cpu  120 5 110 750 110 2 2 1 90 0\ncpu0 1\n")
      #expect(
        try sensor.readings(1) == [
          "cpu.utilization": Reading(0.4, "/"), "cpu.iowait": Reading(0.1, "/"),
        ])
      #expect(try sensor.readings(2).isEmpty, "no tick has passed")
    }
  }

  @Test("A step back of the kernel's idle time is no time at all")
  func idleStepsBack() throws {
    try Machine.scratch { machine in
      try machine.write("proc/stat", "cpu  100 0 100 700 100 0 0 0 0 0\n")
      var sensor = try CPUSensor(root: machine.root)
      _ = try sensor.readings(0)
      try machine.write("proc/stat", "cpu  110 0 100 690 90 0 0 0 0 0\n")
      #expect(try sensor.readings(1)["cpu.utilization"] == Reading(1, "/"))
    }
  }

  @Test("Network rates follow monotonic time; a new interface and a reset are no spikes")
  func network() throws {
    try Machine.scratch { machine in
      func dev(_ lines: String...) throws {
        let rows = lines.map { $0 + " 0 0 0 0 0 0\n" }.joined()
        try machine.write("proc/net/dev", "Inter-|\n face |\n" + rows)
      }
      try machine.write("sys/class/net/eth0/device/x", "")
      try dev("  lo: 5 0 0 0 0 0 0 0 5 0", "eth0: 1000 0 0 0 0 0 0 0 2000 0")
      var sensor = try NetworkSensor(root: machine.root)
      _ = try sensor.readings(0)
      try dev("  lo: 5 0 0 0 0 0 0 0 5 0", "eth0: 2000 0 0 0 0 0 0 0 2500 0")
      let rates = try sensor.readings(2)
      #expect(rates["net.eth0.rxRate"] == Reading(4000, "bit/s"))
      #expect(rates["net.eth0.txRate"] == Reading(2000, "bit/s"))
      try machine.write("sys/class/net/wlan0/device/x", "")
      try dev("eth0: 10 0 0 0 0 0 0 0 2500 0", "wlan0: 99999 0 0 0 0 0 0 0 1 0")
      let after = try sensor.readings(3)
      #expect(after["net.eth0.rxRate"] == nil, "reset")
      #expect(after["net.eth0.txRate"] == Reading(0, "bit/s"))
      #expect(after["net.wlan0.rx"] == Reading(99999, "B"))
      #expect(after["net.wlan0.rxRate"] == nil)
    }
  }

  @Test("A 32-bit counter that wraps goes on")
  func wrap() throws {
    try Machine.scratch { machine in
      func dev(_ rx: UInt64) throws {
        try machine.write("proc/net/dev", "a\nb\neth0: \(rx) 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n")
      }
      try dev((1 << 32) - 100)
      var sensor = try NetworkSensor(root: machine.root)
      _ = try sensor.readings(0)
      try dev(150)
      #expect(try sensor.readings(1)["net.eth0.rxRate"] == Reading(2000, "bit/s"))
    }
  }

  @Test("Disk figures become bits a second and the share of busy time")
  func disk() throws {
    try Machine.scratch { machine in
      try machine.write("sys/block/sda/device/x", "")
      try machine.write(
        "proc/diskstats",
        " 8 0 sda 1 0 1000 5 1 0 2000 5 0 100 5\n 8 1 sda1 1 0 9 5 1 0 9 5 0 9 5\n")
      var sensor = try DiskSensor(root: machine.root)
      _ = try sensor.readings(0)
      try machine.write(
        "proc/diskstats",
        " 8 0 sda 2 0 1002 5 2 0 2004 5 0 600 5\n 8 1 sda1 2 0 9 5 1 0 9 5 0 9 5\n")
      #expect(
        try sensor.readings(1) == [
          "disk.sda.read": Reading(2 * 4096, "bit/s"), "disk.sda.write": Reading(4 * 4096, "bit/s"),
          "disk.sda.busy": Reading(0.5, "/"),
        ])
    }
  }

  @Test("A probe that cannot be read is left out and comes back")
  func probe() throws {
    try Machine.scratch { machine in
      try machine.write("sys/class/thermal/thermal_zone0/type", "cpu\n")
      try machine.write("sys/class/thermal/thermal_zone0/temp", "41000\n")
      try machine.write("sys/class/thermal/thermal_zone1/type", "wifi\n")
      try machine.write("sys/class/thermal/thermal_zone1/temp", "")
      var sensor = try TemperatureSensor(root: machine.root)
      #expect(try sensor.readings() == ["temperature.cpu": Reading(41, "Cel")])
      try machine.write("sys/class/thermal/thermal_zone1/temp", "-5500\n")
      #expect(try sensor.readings()["temperature.wifi"] == Reading(-5.5, "Cel"))
    }
  }

  @Test("Files without what is expected are failures that name the file")
  func garbage() throws {
    try Machine.scratch { machine in
      try machine.write("proc/stat", "nonsense")
      #expect(throws: SensorFailure("\(machine.root.path)/proc/stat: no processor times in it")) {
        try CPUSensor(root: machine.root)
      }
      #expect(
        throws: SensorFailure("\(machine.root.path)/proc/meminfo: No such file or directory")
      ) {
        try MemorySensor(root: machine.root)
      }
      try machine.write("proc/loadavg", "x y z")
      var load = try LoadSensor(root: machine.root)
      #expect(throws: SensorFailure.self) { try load.readings() }
    }
  }

  @Test("A file longer than the buffer is read whole")
  func longFile() throws {
    try Machine.scratch { machine in
      try machine.write("sys/class/net/eth9/device/x", "")
      let rows = (0..<400).map { "veth\($0): 1 0 0 0 0 0 0 0 1 0 0 0 0 0 0 0\n" }.joined()
      try machine.write(
        "proc/net/dev", "a\nb\n" + rows + "eth9: 7 0 0 0 0 0 0 0 8 0 0 0 0 0 0 0\n")
      var sensor = try NetworkSensor(root: machine.root)
      #expect(try sensor.readings()["net.eth9.tx"] == Reading(8, "B"))
    }
  }

  @Test("A folder that is no file system is a failure")
  func filesystem() throws {
    #expect(throws: SensorFailure("/no/such: No such file or directory")) {
      try FilesystemSensor(path: "/no/such")
    }
    var sensor = try FilesystemSensor(path: "/", label: "a b")
    let readings = try sensor.readings()
    let used = try #require(readings["disk.a_b.used"])
    let total = try #require(readings["disk.a_b.total"])
    #expect(used.value > 0 && used.value < total.value && used.unit == "B")
    let share = try #require(readings["disk.a_b.utilization"])
    #expect((0...1).contains(share.value) && share.unit == "/")
  }
}
