import AgentCore
import DeviceProtocol

/// What a command does, with what its profile says about it.
enum CommandDeed: Sendable {
  /// Reads the sensors now, once, beside the schedule.
  case readNow
  /// Reads them more or less often.
  case setInterval
  /// Starts this program anew.
  case restartAgent
}

/// What an agent can do by itself; profiles say what of it it does, and under which names.
enum BuiltIn: String, CaseIterable, Sendable {
  case readNow, setInterval, restartAgent

  /// The command as it is where a profile says nothing more.
  var usual: AgentProfile.Command {
    switch self {
    case .readNow:
      command(.readNow, "Reads all sensors at once, beside the schedule.", idempotent: true)
    case .setInterval:
      command(
        .setInterval,
        "Sets the distance between readings, until it is set again; without it, as configured.",
        idempotent: true,
        [
          CommandParameter(
            name: "seconds", kind: .number, text: "The distance between readings.", unit: "s",
            min: 0.05, max: 86_400, isOptional: true)
        ])
    case .restartAgent:
      command(
        .restartAgent, "Starts the agent anew, with its configuration read again.",
        danger: .disruptive, ending: .agent)
    }
  }

  private func command(
    _ deed: CommandDeed, _ text: String, idempotent: Bool = false,
    danger: CommandDeclaration.Danger = .none, ending: CommandSpec.Ending = .nothing,
    timeoutSeconds: Double? = nil, _ params: [CommandParameter] = []
  ) -> AgentProfile.Command {
    let declaration = CommandDeclaration(
      name: rawValue, text: text, idempotent: idempotent, danger: danger,
      timeoutSeconds: timeoutSeconds, params: params)
    return AgentProfile.Command(spec: CommandSpec(declaration, ending: ending), deed: deed)
  }
}
