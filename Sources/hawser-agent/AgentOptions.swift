import ArgumentParser
import Settings

/// The options that every command with a configuration takes.
struct AgentOptions: ParsableArguments {
  @Option(help: "The configuration file (YAML); `check-config --defaults` shows every key.")
  var config: String?

  @Option(help: "The broker: ws://, wss://, http:// or https:// and its host.")
  var broker: String?

  @Option(help: "This device's name; the host's name where none is given.")
  var device: String?

  @Option(help: "The folder for what must survive a restart.")
  var state: String?

  @Option(
    name: .customLong("set"), help: "Any key of the configuration: KEY=VALUE; repeatable.")
  var assignments: [String] = []

  /// The settings of all sources.
  func settings() throws(SettingsErrors) -> Settings {
    var arguments = assignments.map { SettingsArgument(assignment: $0) }
    let named = [("broker", broker), ("device", device), ("state", state)]
    for case (let key, let value?) in named {
      arguments.append(SettingsArgument("--\(key)", key: key, value: value))
    }
    let file: SettingsFile?
    if let config { file = try SettingsFile.read(path: config) } else { file = nil }
    return try AgentSettings.schema.load(
      file: file, environment: ProcessEnvironment.current(), arguments: arguments)
  }
}
