import AgentCore
import Glibc
import LinuxSensors
import TelemetryModel
import Testing

/// A machine made of files: a recorded one, or a scratch copy that tests write into.
struct Machine {
  let root: SystemRoot

  static func recorded(_ name: String) -> Machine {
    // …/Tests/LinuxSensorsTests/Machine.swift is three levels below the repository.
    let repository = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    return Machine(root: SystemRoot("/\(repository)/devices/recorded/\(name)"))
  }

  /// A machine whose files are written by the body and deleted behind it.
  static func scratch(_ body: (Machine) throws -> Void) throws {
    var template = Array("/tmp/hawser-sensors-XXXXXX".utf8CString)
    let path = try #require(mkdtemp(&template).map { String(cString: $0) })
    let machine = Machine(root: SystemRoot(path))
    defer { machine.remove(path) }
    try body(machine)
  }

  /// Writes a file below the root, over the same inode where it exists, as the kernel would show.
  func write(_ path: String, _ text: String) throws {
    var folder = root.path
    for part in path.split(separator: "/").dropLast() {
      folder += "/\(part)"
      mkdir(folder, 0o700)
    }
    let descriptor = open("\(root.path)/\(path)", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    try #require(descriptor >= 0)
    defer { close(descriptor) }
    let bytes = Array(text.utf8)
    try #require(Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
  }

  func remove(_ path: String) {
    if let folder = opendir(path) {
      while let entry = readdir(folder) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
          String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        if name != "." && name != ".." { remove("\(path)/\(name)") }
      }
      closedir(folder)
    }
    _ = Glibc.remove(path)
  }
}

extension SampleTime {
  static func seconds(_ seconds: Double) -> SampleTime {
    SampleTime(wall: Timestamp(seconds: 1000 + seconds), monotonic: .seconds(seconds))
  }
}

extension Sensor {
  /// Readings at a time, by metric: value and unit.
  mutating func readings(_ seconds: Double = 0) throws -> [String: Reading] {
    var records: [SenMLRecord] = []
    let time = SampleTime.seconds(seconds)
    try read(at: time, into: &records)
    #expect(records.allSatisfy { $0.time == time.wall })
    #expect(Set(records.map(\.name)).count == records.count, "a metric twice")
    return Dictionary(
      records.compactMap { record in
        guard case .number(let value) = record.value, let unit = record.unit else { return nil }
        return (record.name, Reading(value: value, unit: unit))
      }, uniquingKeysWith: { first, _ in first })
  }
}

struct Reading: Hashable, CustomStringConvertible {
  let value: Double
  let unit: String
  init(value: Double, unit: String) {
    self.value = value
    self.unit = unit
  }
  init(_ value: Double, _ unit: String) { self.init(value: value, unit: unit) }
  var description: String { "\(value) \(unit)" }
}
