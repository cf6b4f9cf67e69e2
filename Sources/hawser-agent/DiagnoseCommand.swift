import ArgumentParser
import Settings
import TelemetryModel

/// `hawser-agent diagnose`: what lies between this machine and the broker, and what is wrong with it.
struct DiagnoseCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diagnose",
    abstract: "Check the path to the broker step by step, and say what to do about what is wrong.",
    discussion: """
      Checks names, TCP, the proxy, TLS, the WebSocket upgrade, compression and whether messages \
      pass; with --idle also how long the path lets a connection be silent. The broker does not take \
      it for the device: an agent that runs goes on undisturbed. Exits with 0 where agents can work, \
      also where they first have to learn the path's limits, else as sysexits(3) has it: 68 no such \
      name, 69 something in the way, 75 perhaps later, 76 not what is spoken here, 77 not allowed, \
      78 configuration.
      """)

  @OptionGroup var options: AgentOptions

  @Option(help: "Also try so many seconds of silence, 1 to 600; takes up to three times as long.")
  var idle: Int?

  @Flag(help: "Print JSON.")
  var json = false

  func validate() throws {
    if let idle, !(1...600).contains(idle) {
      throw ValidationError("--idle: expected 1 to 600 seconds")
    }
  }

  func run() async throws {
    let configuration: AgentConfiguration
    do throws(SettingsErrors) {
      configuration = try AgentConfiguration(try options.settings())
    } catch {
      throw Failure.configuration(error)
    }
    let json = json
    var diagnosis = PathDiagnosis(configuration, idle: idle.map { .seconds($0) }) { finding in
      if !json { Self.show(finding) }
    }
    await diagnosis.run()
    if json {
      print(Self.json(diagnosis))
    } else {
      Self.show(diagnosis.faults, url: "\(configuration.url)")
    }
    if let fault = diagnosis.faults.first(where: { $0.exitCode != 0 }) {
      throw ExitCode(fault.exitCode)
    }
  }

  private static func show(_ finding: PathDiagnosis.Finding) {
    print(finding.summary)
  }

  private static func show(_ faults: [PathFault], url: String) {
    if faults.isEmpty { print("Nothing is wrong with the path to \(url).") }
    for fault in faults { print("\n\(fault.code): \(fault.text)\nWhat to do: \(fault.remedy)") }
  }

  private static func json(_ diagnosis: PathDiagnosis) -> String {
    var writer = JSONWriter()
    writer.object { writer in
      writer.key("broker")
      writer.write("\(diagnosis.configuration.url)")
      writer.key("steps")
      writer.array { writer in
        for finding in diagnosis.findings {
          writer.element()
          writer.object { writer in
            writer.key("step")
            writer.write(finding.step.rawValue)
            writer.key("ok")
            writer.write(finding.isGood)
            writer.key("detail")
            writer.write(finding.detail)
          }
        }
      }
      writer.key("faults")
      writer.array { writer in
        for fault in diagnosis.faults {
          writer.element()
          writer.object { writer in
            writer.key("code")
            writer.write(fault.code)
            writer.key("text")
            writer.write(fault.text)
            writer.key("remedy")
            writer.write(fault.remedy)
          }
        }
      }
    }
    return String(decoding: writer.bytes, as: UTF8.self)
  }
}
