import AgentCore
import ArgumentParser
import LinuxSensors
import Settings
import TelemetryModel

/// `hawser-agent sensors`: what this board can read, with values, and what it cannot and why.
struct SensorsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sensors",
    abstract: "Show what this machine can read, with values, and what it lacks.",
    discussion: "Reads twice, a second apart, because rates need two readings.")

  @Flag(help: "Print JSON.")
  var json = false

  @Option(help: "A folder with proc and sys in it, instead of this machine's own.")
  var root = "/"

  func run() async throws {
    let detected = SensorCatalogue.detect(root: SystemRoot(root))
    var samplers = detected.map { Sampler(sensors: $0.sensor.map { [$0] } ?? []) }
    for index in samplers.indices { _ = samplers[index].sample(at: SystemClock.now()) }
    try await Task.sleep(for: .seconds(1))
    var found: [Found] = []
    for index in samplers.indices {
      let sample = samplers[index].sample(at: SystemClock.now())
      var absence = detected[index].absence
      for case .failed(_, let reason) in sample.changes { absence = reason }
      found.append(Found(name: detected[index].name, records: sample.records, absence: absence))
    }
    print(json ? Self.json(found) : Self.table(found))
  }

  private struct Found {
    let name: String
    let records: [SenMLRecord]
    let absence: String?
  }

  private static func table(_ found: [Found]) -> String {
    let width = found.flatMap(\.records).map(\.name.count).max() ?? 0
    var lines: [String] = []
    for sensor in found {
      if let absence = sensor.absence {
        lines.append("\(sensor.name): absent (\(absence))")
        continue
      }
      lines.append("\(sensor.name):")
      for record in sensor.records {
        guard case .number(let value) = record.value else { continue }
        let padding = String(repeating: " ", count: width - record.name.count)
        lines.append("  \(record.name)\(padding)  \(number(value)) \(record.unit ?? "")")
      }
    }
    return lines.joined(separator: "\n")
  }

  /// At most three decimals; large counts without an exponent.
  private static func number(_ value: Double) -> String {
    let rounded = (value * 1000).rounded() / 1000
    guard rounded.rounded() == rounded, abs(rounded) < 9e18 else { return "\(rounded)" }
    return "\(Int64(rounded))"
  }

  private static func json(_ found: [Found]) -> String {
    var writer = JSONWriter()
    writer.array { writer in
      for sensor in found {
        writer.element()
        writer.object { writer in
          writer.key("sensor")
          writer.write(sensor.name)
          if let absence = sensor.absence {
            writer.key("absent")
            writer.write(absence)
          } else {
            writer.key("readings")
            var pack: [UInt8] = []
            SenMLEncoder.encode(sensor.records, into: &pack)
            writer.write(json: pack)
          }
        }
      }
    }
    return String(decoding: writer.bytes, as: UTF8.self)
  }
}
