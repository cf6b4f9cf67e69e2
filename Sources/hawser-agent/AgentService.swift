import AgentCore
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import WebSocketTransport

/// Runs the agent on one event loop until it is told to stop.
struct AgentService: Service {
  let configuration: AgentConfiguration
  let logger: Logger

  /// Why the agent cannot begin.
  struct Failed: Error, CustomStringConvertible {
    let description: String
  }

  func run() async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let loop = group.next()
    let finished = loop.makePromise(of: Void.self)
    let shell: NIOLoopBound<LinkShell>
    do {
      shell = try await loop.submit {
        let shell = try LinkShell(
          configuration: configuration, logger: logger, loop: loop, finished: finished)
        shell.start()
        return NIOLoopBound(shell, eventLoop: loop)
      }.get()
    } catch {
      finished.fail(error)
      try await group.shutdownGracefully()
      throw error
    }
    try await withGracefulShutdownHandler {
      try await finished.futureResult.get()
    } onGracefulShutdown: {
      // Whoever wants it to end does not want it started anew.
      loop.execute {
        shell.value.isRestarting = false
        shell.value.stop()
      }
    }
    let isRestarting = try await loop.submit { shell.value.isRestarting }.get()
    try await group.shutdownGracefully()
    if isRestarting { throw Failed(description: "cannot start anew: \(Restart.now())") }
  }
}
