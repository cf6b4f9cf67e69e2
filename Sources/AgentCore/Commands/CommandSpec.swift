package import DeviceProtocol
import TelemetryModel

/// A command as this agent knows it: its declaration, and what its work does to the agent itself.
package struct CommandSpec: Hashable, Sendable {
  /// What the work ends, if all goes well: its result can then only be known afterwards.
  package enum Ending: String, Sendable {
    /// Nothing.
    case nothing
    /// This process; the next one knows that it succeeded.
    case agent
    /// This boot of the machine; an agent of another boot knows that it succeeded.
    case boot
  }

  /// What the broker and people are told.
  package var declaration: CommandDeclaration
  /// What the work ends.
  package var ending: Ending
  /// How long it may run, 60 s where its declaration does not say.
  package var timeout: Duration

  /// How long a command may run that does not say it.
  package static let usualTimeout = Duration.seconds(60)

  /// A command.
  package init(_ declaration: CommandDeclaration, ending: Ending = .nothing) {
    self.declaration = declaration
    self.ending = ending
    timeout = declaration.timeoutSeconds.map { .fromSeconds($0) } ?? Self.usualTimeout
  }

  /// Its name.
  package var name: String { declaration.name }
}

/// What this machine's owner lets be done, whatever the broker says.
package struct CommandPolicy: Hashable, Sendable {
  /// Names that are forbidden; `*` forbids all.
  package var forbidden: Set<String> = []
  /// The worst that is allowed.
  package var worst = CommandDeclaration.Danger.dangerous

  /// Everything the profile declares is allowed.
  package init() {}

  /// Why a command is forbidden; nil where it is not.
  package func refusal(of command: CommandDeclaration) -> String? {
    if forbidden.contains("*") { return "this device takes no commands (commands.forbid)" }
    if forbidden.contains(command.name) {
      return "forbidden by this device's own policy (commands.forbid)"
    }
    guard rank(command.danger) > rank(worst) else { return nil }
    return "\(command.danger.rawValue) commands are forbidden by this device's own policy "
      + "(commands.worst)"
  }

  private func rank(_ danger: CommandDeclaration.Danger) -> Int {
    CommandDeclaration.Danger.allCases.firstIndex(of: danger) ?? .max
  }
}
