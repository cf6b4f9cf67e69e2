import ArgumentParser
import Settings
import TelemetryModel

/// `hawser-agent check-config`: what the agent would run with, and where each value comes from.
struct CheckConfigCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check-config",
    abstract: "Check the agent's configuration and print what is in force.",
    discussion: "Exits with 78 (EX_CONFIG) and names every problem where there is one.")

  @OptionGroup var options: AgentOptions

  @Flag(help: "Print the commented file with every key at its default instead.")
  var defaults = false

  @Flag(help: "Print JSON.")
  var json = false

  func run() throws {
    if defaults {
      print(AgentSettings.schema.defaultFile, terminator: "")
      return
    }
    do throws(SettingsErrors) {
      let settings = try options.settings()
      _ = try AgentProfile.load(settings)
      if json {
        print(Self.json(settings.effective))
      } else {
        for setting in settings.effective { print(setting) }
      }
    } catch {
      throw Failure.configuration(error)
    }
  }

  private static func json(_ settings: [EffectiveSetting]) -> String {
    var writer = JSONWriter()
    writer.object { writer in
      for setting in settings {
        writer.key(setting.name)
        writer.object { writer in
          writer.key("value")
          writer.write(setting.text)
          writer.key("source")
          writer.write(setting.source.description)
        }
      }
    }
    return String(decoding: writer.bytes, as: UTF8.self)
  }
}
