package import AgentCore
package import TelemetryModel

/// Traffic of each whole disk, from `/proc/diskstats`: `disk.NAME.read` and `disk.NAME.write` in
/// bits a second and `disk.NAME.busy`, the share of time with a request out. Whole disks are
/// those with hardware behind them (`/sys/block/NAME/device`); disks that appear later are found.
package struct DiskSensor: Sensor {
  /// `disk`.
  package let name = "disk"
  private let root: SystemRoot
  private let file: ProcFile
  private var disks: [Disk] = []

  /// - Throws: the reason where `/proc/diskstats` cannot be read or shows no disk.
  package init(root: SystemRoot) throws(SensorFailure) {
    self.root = root
    file = ProcFile(root.proc("diskstats"))
    var text = try file.read()
    try forEachDisk(&text) { _, _ in }
    guard disks.contains(where: \.isWhole) else {
      throw SensorFailure("\(file.path): no disk with hardware behind it")
    }
  }

  /// Appends three readings a disk from the second call on.
  package mutating func read(
    at time: SampleTime, into records: inout [SenMLRecord]
  ) throws(SensorFailure) {
    var text = try file.read()
    try forEachDisk(&text) { disk, figures in
      // Sectors are 512 bytes here, whatever the disk's own are.
      let read = disk.sectorsRead.perSecond(figures.sectorsRead, at: time.monotonic)
      let written = disk.sectorsWritten.perSecond(figures.sectorsWritten, at: time.monotonic)
      let busy = disk.busyMs.perSecond(figures.busyMs, at: time.monotonic)
      if let read {
        records.append(disk.names.read, read * 512 * 8, Unit.bitsPerSecond, at: time)
      }
      if let written {
        records.append(disk.names.write, written * 512 * 8, Unit.bitsPerSecond, at: time)
      }
      if let busy { records.append(disk.names.busy, min(busy / 1000, 1), Unit.ratio, at: time) }
    }
  }

  private struct Figures {
    let sectorsRead: UInt64
    let sectorsWritten: UInt64
    let busyMs: UInt64
  }

  private struct Disk {
    let key: [UInt8]
    let isWhole: Bool
    let names: (read: String, write: String, busy: String)
    var sectorsRead = CounterRate()
    var sectorsWritten = CounterRate()
    var busyMs = CounterRate()

    init(_ name: String, root: SystemRoot) {
      key = Array(name.utf8)
      // eMMC boot partitions look like disks of their own and are not.
      isWhole = Folder.exists(root.sys("block/\(name)/device")) && !name.contains("boot")
      let part = name.asMetricPart
      names = ("disk.\(part).read", "disk.\(part).write", "disk.\(part).busy")
    }
  }

  private mutating func forEachDisk(
    _ text: inout TextScanner, _ body: (inout Disk, Figures) -> Void
  ) throws(SensorFailure) {
    repeat {
      // major minor name reads merged SECTORS ms writes merged SECTORS ms inflight BUSY …
      guard text.skipWords(2), let name = text.word() else { continue }
      let index = indexOfDisk(name, text)
      guard disks[index].isWhole else { continue }
      guard text.skipWords(2), let sectorsRead = text.unsigned(), text.skipWords(3),
        let sectorsWritten = text.unsigned(), text.skipWords(2), let busyMs = text.unsigned()
      else { throw SensorFailure("\(file.path): a line with too few figures") }
      body(
        &disks[index],
        Figures(sectorsRead: sectorsRead, sectorsWritten: sectorsWritten, busyMs: busyMs))
    } while text.nextLine()
  }

  private mutating func indexOfDisk(_ name: Range<Int>, _ text: TextScanner) -> Int {
    if let index = disks.firstIndex(where: { text.equals(name, $0.key) }) { return index }
    disks.append(Disk(text.text(name), root: root))
    return disks.count - 1
  }
}
