import ArgumentParser
import BrokerCore
import BrokerServer
import Glibc
import Logging
import NIOCore
import ServiceLifecycle
import Settings
import TelemetryModel
import TelemetryStore
import UnixSignals

/// `hawser broker`: serves until it is told to stop.
struct BrokerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "broker",
    abstract: "Run the broker: one port for devices, dashboards and REST.",
    discussion: """
      Prints one line with its address when it is ready. SIGTERM and SIGINT stop it in order: \
      agents are told when to come back, and everything accepted is stored. Whatever clients do, \
      it waits for them half a second and connections.closeTimeout (3 s) at the most, and for a \
      store that refuses data a few seconds more.
      """)

  @OptionGroup var options: SettingsOptions

  func run() async throws {
    let (settings, loaded) = try load()
    var configuration = loaded
    var logger = Logger(label: "hawser") { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = Logger.Level(rawValue: settings[BrokerSettings.logLevel]) ?? .info
    let connections = FileLimit.connections(
      wanted: configuration.maxConnections, descriptors: FileLimit.raise())
    if connections < configuration.maxConnections {
      logger.notice(
        "Fewer connections than configured: the limit of open files is lower",
        metadata: [
          "connections": "\(connections)", "configured": "\(configuration.maxConnections)",
        ])
      configuration.maxConnections = connections
    }
    let folder: StateFolder
    do {
      folder = try StateFolder(configuration.stateFolder)
    } catch {
      throw Failure.cannotCreate("\(error)")
    }
    let store = try openStore(in: folder, BrokerSettings.store(settings), logger)
    let broker = Broker(
      configuration: configuration, store: store, logger: logger, now: SQLiteStore.wallClock,
      ready: { address in
        Output.announce("hawser: ready at http://\(address)/")
      })
    let group = ServiceGroup(
      configuration: ServiceGroupConfiguration(
        services: [
          .init(
            service: broker, successTerminationBehavior: .gracefullyShutdownGroup,
            failureTerminationBehavior: .cancelGroup)
        ],
        gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
    // The lock on the folder is held until here is left.
    defer { _ = folder.path }
    do {
      try await group.run()
    } catch let error as StoreError {
      throw Failure.cannotCreate("\(error)")
    } catch let error as IOError {
      throw Failure.unavailable(
        "cannot listen on \(configuration.listen): \(String(cString: strerror(error.errnoCode)))")
    }
  }

  private func load() throws(ExitCode) -> (Settings, BrokerConfiguration) {
    do {
      let settings = try BrokerSettings.settings(
        file: options.config, environment: ProcessEnvironment.current(),
        arguments: options.arguments)
      return (settings, try BrokerSettings.configuration(settings))
    } catch {
      throw Failure.configuration(error)
    }
  }

  private func openStore(
    in folder: StateFolder, _ configuration: SQLiteStore.Configuration, _ logger: Logger
  ) throws -> SQLiteStore {
    do {
      return try SQLiteStore(
        path: folder.file(SQLiteStore.fileName), configuration: configuration, logger: logger)
    } catch {
      throw Failure.cannotCreate("\(error)")
    }
  }
}
