import ArgumentParser
import Settings

/// The options that every command with a configuration takes.
struct SettingsOptions: ParsableArguments {
  @Option(help: "The configuration file (YAML); see config/broker.yaml for every key.")
  var config: String?

  @Option(help: "Where to listen, ADDRESS:PORT; port 0 picks a free one.")
  var listen: String?

  @Option(help: "The folder of the embedded store.")
  var state: String?

  @Option(name: .customLong("set"), help: "Any key of the configuration: KEY=VALUE; repeatable.")
  var assignments: [String] = []

  /// The arguments' share of the settings, strongest last.
  var arguments: [SettingsArgument] {
    var arguments = assignments.map { SettingsArgument(assignment: $0) }
    if let listen { arguments.append(SettingsArgument("--listen", key: "listen", value: listen)) }
    if let state { arguments.append(SettingsArgument("--state", key: "state", value: state)) }
    return arguments
  }
}
