import ArgumentParser

/// The agent's program: `hawser-agent run`, and what an installer asks a board.
@main
struct HawserAgent: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "hawser-agent",
    abstract: "Sends a machine's readings to a Hawser broker, over whatever network there is.",
    version: AgentVersion.text,
    subcommands: [
      RunCommand.self, SensorsCommand.self, DiagnoseCommand.self, CheckConfigCommand.self,
      VersionCommand.self,
    ])
}

/// This program's version.
enum AgentVersion {
  static let text = "0.1.0"
}

/// `hawser-agent version`.
struct VersionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "version", abstract: "Print this program's version.")

  func run() {
    print(AgentVersion.text)
  }
}
