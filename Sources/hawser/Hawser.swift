import ArgumentParser
import BrokerServer

/// The broker's program: `hawser broker`, and what operators do from a terminal.
@main
struct Hawser: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "hawser",
    abstract: "A broker for the telemetry of devices on bad networks.",
    version: BrokerVersion.text,
    subcommands: [
      BrokerCommand.self, DevicesCommand.self, WatchCommand.self, HistoryCommand.self,
      SendCommand.self,
      BackupCommand.self, CheckConfigCommand.self, EchoCommand.self,
    ])
}
