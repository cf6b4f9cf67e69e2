import ArgumentParser
import Glibc
import Settings

/// `hawser check-config`: what the broker would run with, and where each value comes from.
struct CheckConfigCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check-config",
    abstract: "Check the broker's configuration and print what is in force.",
    discussion: "Exits with 78 (EX_CONFIG) and names every problem where there is one.")

  @OptionGroup var options: SettingsOptions

  @Flag(help: "Print the commented file with every key at its default instead.")
  var defaults = false

  func run() throws {
    if defaults {
      print(BrokerSettings.schema.defaultFile, terminator: "")
      return
    }
    do {
      let settings = try BrokerSettings.settings(
        file: options.config, environment: ProcessEnvironment.current(),
        arguments: options.arguments)
      _ = try BrokerSettings.configuration(settings)
      for setting in settings.effective { print(setting) }
    } catch {
      throw Failure.configuration(error)
    }
  }
}
