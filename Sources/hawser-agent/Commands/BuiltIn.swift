import AgentCore
import DeviceProtocol

/// What an agent can do by itself; profiles say what of it a device does, and under which names.
enum BuiltIn: String, CaseIterable, Sendable {
  case readNow, setInterval, restartAgent, reboot, runProgram, serviceStatus, serviceRestart
  case tailJournal, diagnose, setOutput

  /// What is usually said of it, for people.
  var text: String {
    switch self {
    case .readNow: "Reads all sensors at once, beside the schedule."
    case .setInterval: "Sets the distance between readings; without it, as configured."
    case .restartAgent: "Starts the agent anew, with its configuration read again."
    case .reboot: "Starts the machine anew."
    case .runProgram: "Runs a program of this device."
    case .serviceStatus: "Shows how a service is."
    case .serviceRestart: "Starts a service anew."
    case .tailJournal: "Shows the last lines of the journal."
    case .diagnose: "Checks the path to the broker step by step."
    case .setOutput: "Sets a digital output."
    }
  }

  /// Whether twice is as good as once. Of a program only its profile can know.
  var isIdempotent: Bool {
    switch self {
    case .readNow, .setInterval, .serviceStatus, .tailJournal, .diagnose, .setOutput: true
    case .restartAgent, .reboot, .runProgram, .serviceRestart: false
    }
  }

  /// How much harm it can do, unless the profile says otherwise.
  var danger: CommandDeclaration.Danger {
    switch self {
    case .readNow, .setInterval, .serviceStatus, .tailJournal, .diagnose: .none
    case .restartAgent, .serviceRestart, .runProgram: .disruptive
    case .reboot, .setOutput: .dangerous
    }
  }

  /// What it ends.
  var ending: CommandSpec.Ending {
    switch self {
    case .restartAgent: .agent
    case .reboot: .boot
    default: .nothing
    }
  }

  /// How long it may take, in seconds, unless the profile says otherwise.
  var timeoutSeconds: Double {
    switch self {
    case .readNow, .setInterval, .setOutput: 10
    case .serviceStatus, .tailJournal, .restartAgent: 30
    case .runProgram: 60
    case .diagnose, .serviceRestart: 120
    case .reboot: 300
    }
  }

  /// The parameters of those that have the same everywhere.
  var params: [CommandParameter] {
    guard self == .setInterval else { return [] }
    return [
      CommandParameter(
        name: "seconds", kind: .number, text: "The distance between readings.", unit: "s",
        min: 0.05, max: 86_400, isOptional: true)
    ]
  }

  /// The declaration where the profile says nothing more.
  func declaration(_ name: String? = nil) -> CommandDeclaration {
    CommandDeclaration(
      name: name ?? rawValue, text: text, idempotent: isIdempotent, danger: danger,
      timeoutSeconds: timeoutSeconds, params: params)
  }
}

/// What a command does, with what its profile says about it.
enum CommandDeed: Sendable {
  case readNow
  case setInterval
  case restartAgent
  /// Runs a program that ends with the machine.
  case reboot(ProgramTemplate)
  /// Runs a program.
  case run(ProgramTemplate)
  case diagnose
  case setOutput
}
