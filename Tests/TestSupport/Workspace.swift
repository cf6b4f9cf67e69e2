package import Foundation
import Synchronization

/// A folder of a test's own, and the programs that run in it.
package final class Workspace: Sendable {
  /// The folder, empty to begin with.
  package let folder: URL
  private let runs = Mutex<[ProgramRun]>([])

  private init() throws {
    folder = FileManager.default.temporaryDirectory.appending(
      path: "hawser-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  /// Gives `body` a new workspace; afterwards, also when `body` fails, every program is ended and
  /// the folder is gone (it stays when `HAWSER_KEEP_TEST_FOLDERS` is set).
  package static func use(_ body: (Workspace) async throws -> Void) async throws {
    let workspace = try Workspace()
    defer { workspace.clear() }
    try await body(workspace)
  }

  private func clear() {
    for run in runs.withLock({ $0 }).reversed() { run.killGroup() }
    if ProcessInfo.processInfo.environment["HAWSER_KEEP_TEST_FOLDERS"] == nil {
      try? FileManager.default.removeItem(at: folder)
    }
  }

  /// Starts any program in the workspace's folder. `name` must be used once.
  ///
  /// The environment is this test's, without the settings that a developer may have for Hawser,
  /// then `environment`.
  package func start(
    _ name: String, program: URL, _ arguments: [String], environment: [String: String] = [:]
  ) throws -> ProgramRun {
    let inherited = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("HAWSER_") }
    let run = try ProgramRun(
      name: name, program: program, arguments: arguments,
      environment: inherited.merging(environment) { $1 }, folder: folder, outputFolder: folder)
    runs.withLock { $0.append(run) }
    return run
  }

  /// Starts `hawser broker` and waits until it is ready. `state` is a folder in the workspace.
  ///
  /// `port` 0 lets the system choose; a broker that is to be started again needs a fixed one.
  package func startBroker(
    _ name: String = "broker", port: Int = 0, state: String = "broker-state",
    arguments: [String] = []
  ) async throws -> BrokerRun {
    let run = try start(
      name, program: Checkout.program("hawser"),
      ["broker", "--listen", "127.0.0.1:\(port)", "--state", state] + arguments)
    let line = try await run.line(containing: "hawser: ready at ")
    guard let address = line.split(separator: " ").last, let url = URL(string: String(address))
    else {
      throw TestFailure("no address in the broker's line: \(line)")
    }
    return BrokerRun(run: run, url: url)
  }

  /// Starts `hawser-agent run` as `device`. State goes to `agent-state-DEVICE`.
  package func startAgent(
    _ name: String = "agent", device: String, broker: URL, arguments: [String] = []
  ) throws -> ProgramRun {
    try start(
      name, program: Checkout.program("hawser-agent"),
      [
        "run", "--broker", broker.absoluteString, "--device", device, "--state",
        folder.appending(path: "agent-state-\(device)").path,
      ] + arguments)
  }

  /// Starts a script of `Tests/EndToEndTests/Peers` with the tests' Python.
  package func startPeer(
    _ name: String, script: String, _ arguments: [String]
  ) throws -> ProgramRun {
    let path = Checkout.root.appending(path: "Tests/EndToEndTests/Peers/\(script)").path
    return try start(
      name, program: Checkout.python(), ["-u", path] + arguments,
      environment: ["PYTHONDONTWRITEBYTECODE": "1"])
  }
}
