import AgentCore
import DeviceProtocol

/// What this device is and can do: its name, and its commands with what each of them does.
struct AgentProfile: Sendable {
  /// One command.
  struct Command: Sendable {
    let spec: CommandSpec
    let deed: CommandDeed
  }

  var name: String
  var version: String
  var commands: [Command]
  var atOnce = 1

  /// The profile of a machine for which nobody has written one.
  static let linux = AgentProfile(
    name: "linux", version: AgentVersion.text,
    commands: [BuiltIn.readNow, .setInterval, .restartAgent].map(\.usual))

  /// As the broker is told.
  var summary: ProfileSummary {
    ProfileSummary(
      name: name, version: version, commands: commands.map(\.spec.declaration),
      commandsAtOnce: atOnce)
  }

  /// What a command does; nil where there is no such command.
  func deed(_ name: String) -> CommandDeed? {
    commands.first { $0.spec.name == name }?.deed
  }
}
