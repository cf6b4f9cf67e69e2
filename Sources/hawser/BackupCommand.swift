import ArgumentParser
import BrokerCore
import Settings
import TelemetryStore

/// `hawser backup`: copies the store of a broker, running or not.
struct BackupCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backup",
    abstract: "Copy a broker's store into one file, while the broker runs.",
    discussion: """
      The copy is the store as of one commit: everything acked until then is in it. The broker goes \
      on taking data meanwhile. Before it gets its name the copy is opened and read through, down \
      to the checksum of every block; a copy that is damaged is not left behind.

      To go back to it, stop the broker, delete \(SQLiteStore.fileName) and the files beside it \
      whose names begin so, and put the copy in its place.
      """)

  @Option(help: "The configuration file (YAML) that names the store's folder.")
  var config: String?

  @Option(help: "The folder of the store.")
  var state: String?

  @Argument(help: "The file to make; it must not be there yet.")
  var target: String

  func run() async throws {
    let folder: String
    do {
      let arguments = state.map { [SettingsArgument("--state", key: "state", value: $0)] } ?? []
      folder = try BrokerSettings.settings(
        file: config, environment: ProcessEnvironment.current(), arguments: arguments)[
          BrokerSettings.state]
    } catch {
      throw Failure.configuration(error)
    }
    do {
      let copy = try await SQLiteBackup.copy("\(folder)/\(SQLiteStore.fileName)", to: target)
      Output.line(
        """
        hawser: \(target) holds commit \(copy.commit): \(copy.devices) devices, \
        \(copy.series) series, \(copy.readings) readings, \(copy.bytes) bytes
        """)
    } catch let error as StoreError {
      switch error {
      case .unavailable(let text): throw Failure.cannotCreate(text)
      case .unusable(let text): throw Failure.damaged(text)
      }
    }
  }
}
