import AgentCore
import DeviceProtocol
import Settings

/// What this device is and can do: its name, and its commands with what each of them does.
struct AgentProfile: Sendable {
  /// One command.
  struct Command: Sendable {
    let spec: CommandSpec
    let deed: CommandDeed
  }

  var name: String
  var version: String
  var commands: [Command] = []
  var atOnce = 1

  /// The profile of a machine for which nobody has written one: what needs no leave and harms
  /// nobody.
  static let linux = AgentProfile(
    name: "linux", version: AgentVersion.text,
    commands: [
      usual(.readNow, .readNow), usual(.setInterval, .setInterval),
      usual(.restartAgent, .restartAgent), usual(.diagnose, .diagnose),
    ])

  private static func usual(_ builtIn: BuiltIn, _ deed: CommandDeed) -> Command {
    Command(spec: CommandSpec(builtIn.declaration(), ending: builtIn.ending), deed: deed)
  }

  /// The profile that the settings name, or the usual one.
  /// - Throws: every problem of the profile's file.
  static func load(_ settings: Settings) throws(SettingsErrors) -> AgentProfile {
    guard let path = settings[AgentSettings.profile] else { return .linux }
    return try ProfileFile.read(try SettingsFile.read(path: path))
  }

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
