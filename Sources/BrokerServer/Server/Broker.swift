package import BrokerCore
import DeviceProtocol
import Hummingbird
import HummingbirdCore
package import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
package import TelemetryModel
import WebSocketTransport

/// A whole broker on one port: device links, live links, REST and the dashboard over one store.
///
/// ``run()`` returns after a graceful shutdown: agents have been told when to come back, everything
/// accepted is committed, the store is closed. Whatever clients do, it waits for them no longer than
/// `devices.drainTime` and `closeTimeout` together, and for a store that refuses data a few seconds.
package struct Broker: Service {
  private let configuration: BrokerConfiguration
  private let store: any SampleStore & RolloutStore
  private let logger: Logger
  private let now: @Sendable () -> Timestamp
  private let ready: @Sendable (ListenAddress) -> Void

  /// A broker on a store that nobody else uses. `now` is the wall clock; `ready` is told of the
  /// address, with its real port, once connections are taken.
  package init(
    configuration: BrokerConfiguration, store: any SampleStore & RolloutStore, logger: Logger,
    now: @escaping @Sendable () -> Timestamp, ready: @escaping @Sendable (ListenAddress) -> Void
  ) {
    self.configuration = configuration
    self.store = store
    self.logger = logger
    self.now = now
    self.ready = ready
  }

  /// Opens the store and serves until shut down.
  ///
  /// - Throws: ``StoreError`` where the store cannot be opened, `IOError` where the address cannot
  ///   be listened on.
  package func run() async throws {
    let contents = try await store.open()
    logger.info(
      "Store open",
      metadata: [
        "devices": "\(contents.devices.count)", "series": "\(contents.series.count)",
        "commit": "\(contents.lastCommit)",
      ])
    let commands = try await store.activeCommands()
    let rollouts = try await store.activeRollouts()
    let group = MultiThreadedEventLoopGroup.singleton
    let parts = BrokerParts(
      configuration: configuration, store: store, contents: contents, commands: commands,
      rollouts: rollouts,
      loops: Array(group.makeIterator()), logger: logger, now: now)
    do {
      try await serve(parts, on: group)
    } catch {
      await stop(parts)
      throw error
    }
    await stop(parts)
  }

  private func serve(_ parts: BrokerParts, on group: MultiThreadedEventLoopGroup) async throws {
    let endpoint = OnePort(parts: parts, configuration: configuration)
    let connections = HTTPConnections()
    let listen = configuration.listen
    let ready = ready
    let application = Application(
      responder: BrokerRoutes(
        parts: parts, loopbackOnly: listen.isLoopback, limits: configuration.kept,
        allowedOrigins: configuration.allowedOrigins
      ).responder(),
      server: HTTPServerBuilder { responder in
        OnePortChannel(endpoint: endpoint, connections: connections, responder: responder)
      },
      configuration: ApplicationConfiguration(
        address: .hostname(listen.host, port: listen.port), serverName: "hawser", backlog: 1024,
        availableConnectionsDelegate: MaximumAvailableConnections(configuration.maxConnections)),
      onServerRunning: { channel in
        var address = listen
        address.port = channel.localAddress?.port ?? listen.port
        ready(address)
      },
      eventLoopGroupProvider: .shared(group), logger: quiet)
    let pipeline = parts.pipeline
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { await pipeline.run() }
      tasks.addTask { await parts.commands.run() }
      tasks.addTask {
        for await notice in parts.notices {
          switch notice {
          case .status(let status):
            if status.isForgotten { parts.commands.forgotten(status.device) }
            await parts.hub.deviceChanged(status)
          case .announcement(let message): await parts.hub.announce(message)
          }
        }
      }
      tasks.addTask { await parts.relay.run(telling: parts.hub) }
      tasks.addTask {
        // However the server ends, also when it cannot listen at all, the others end with it.
        defer {
          pipeline.stop()
          parts.commands.stop()
          parts.noticesEnd()
          parts.relay.stop()
        }
        try await serve(application, until: { await drain(parts) }, cutting: connections)
      }
      try await tasks.waitForAll()
    }
  }

  /// Runs the HTTP server. Asked to stop, it goes on until `drained` has returned: it would close
  /// every connection with 1001 while acks are still due. Then links have `closeTimeout` for their
  /// closing handshakes and requests the same to come to their end, or are cut.
  private func serve(
    _ application: some Service, until drained: @escaping @Sendable () async -> Void,
    cutting connections: HTTPConnections
  ) async throws {
    let server = ServiceGroup(services: [application], logger: quiet)
    // Out of this task's hearing, so that it is not told of the stop before its time.
    let serving = Task.detached { try await server.run() }
    let stopping = Task {
      guard (try? await gracefulShutdown()) != nil else { return }
      await drained()
      await server.triggerGracefulShutdown()
      guard (try? await Task.sleep(for: configuration.closeTimeout)) != nil else { return }
      let count = connections.cut()
      logger.notice("Requests cut that did not end", metadata: ["connections": "\(count)"])
    }
    defer { stopping.cancel() }
    try await withTaskCancellationHandler {
      try await serving.value
    } onCancel: {
      serving.cancel()
    }
  }

  /// Tells every link that the broker stops, and each when to come back; waits for the acks that are
  /// due. Nobody is let in any more.
  private func drain(_ parts: BrokerParts) async {
    parts.admission.stop()
    parts.readers.closeAll(code: 1012, reason: "the broker is restarting")
    await parts.commands.stopWaiting()
    let links = parts.registry.links
    logger.info("Stopping", metadata: ["links": "\(links.count)"])
    let spread = ReturnSpread(
      devices: links.count, perSecond: configuration.admission.arrivalsPerSecond / 2,
      shortest: configuration.reconnectSpread, first: .milliseconds(500))
    for (index, link) in links.enumerated() {
      let bye = Bye(reason: "the broker is restarting", reconnectAfter: spread[index])
      link.goodbye(bye, .serviceRestart)
    }
    let deadline = ContinuousClock.now + configuration.devices.drainTime + .milliseconds(100)
    while !parts.registry.links.isEmpty, ContinuousClock.now < deadline {
      try? await Task.sleep(for: .milliseconds(20))
    }
  }

  private func stop(_ parts: BrokerParts) async {
    do {
      try await store.close()
      logger.info("Store closed")
    } catch {
      logger.error("The store did not close", metadata: ["error": "\(error)"])
    }
  }

  /// The HTTP server's own lines are about every connection; they show from `debug` on.
  private var quiet: Logger {
    var quiet = logger
    if quiet.logLevel > .debug { quiet.logLevel = .warning }
    return quiet
  }
}
