import ArgumentParser
import Logging
import NIOPosix
import ServiceLifecycle
import Settings
import UnixSignals

/// `hawser-agent run`: reads sensors and keeps the link until it is told to stop.
struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Read this machine's sensors and send them to the broker.",
    discussion: """
      Prints one line when the link is up first. SIGTERM and SIGINT stop it in order: what is on \
      its way is waited for a little, then the link is closed. Exits with 78 (EX_CONFIG) where the \
      configuration is wrong.
      """)

  @OptionGroup var options: AgentOptions

  func run() async throws {
    let settings: Settings
    let configuration: AgentConfiguration
    do throws(SettingsErrors) {
      settings = try options.settings()
      configuration = try AgentConfiguration(settings)
    } catch {
      throw Failure.configuration(error)
    }
    var logger = Logger(label: "hawser-agent") { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = Logger.Level(rawValue: settings[AgentSettings.logLevel]) ?? .info
    let group = ServiceGroup(
      configuration: ServiceGroupConfiguration(
        services: [
          .init(
            service: AgentService(configuration: configuration, logger: logger),
            successTerminationBehavior: .gracefullyShutdownGroup,
            failureTerminationBehavior: .cancelGroup)
        ],
        gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
    do {
      try await group.run()
    } catch let failure as AgentService.Failed {
      throw Failure.cannotCreate(failure.description)
    }
  }
}
