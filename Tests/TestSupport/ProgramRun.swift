package import Foundation
import Glibc
import Synchronization

/// One program under test: started, watched, and ended with everything it started.
///
/// Its output goes to files in the workspace, so that nothing it writes can block it and a failed
/// test can show all of it.
package final class ProgramRun: Sendable {
  /// How a program ended.
  package enum Ending: Equatable, Sendable {
    /// It left with this code.
    case exit(Int32)
    /// This signal ended it.
    case signal(Int32)
  }

  /// What the run is called in messages.
  package let name: String
  /// The process id, which is its group's too.
  package let id: pid_t
  private let outputFile: URL
  private let errorFile: URL
  private let ending = Mutex<Ending?>(nil)

  init(
    name: String, program: URL, arguments: [String], environment: [String: String], folder: URL,
    outputFolder: URL
  ) throws {
    self.name = name
    outputFile = outputFolder.appending(path: "\(name).stdout")
    errorFile = outputFolder.appending(path: "\(name).stderr")
    let output = open(outputFile.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    let errors = open(errorFile.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    defer {
      close(output)
      close(errors)
    }
    id = try Spawn.start(
      program.path, arguments, environment: environment, folder: folder.path, input: nil,
      output: output, errors: errors)
    Reaper.started(group: id)
  }

  deinit { killGroup() }

  /// What it wrote to standard output so far.
  package var output: String { (try? String(contentsOf: outputFile, encoding: .utf8)) ?? "" }
  /// What it wrote to standard error so far.
  package var errors: String { (try? String(contentsOf: errorFile, encoding: .utf8)) ?? "" }

  /// How it ended, or nil while it runs.
  package var hasEnded: Ending? {
    ending.withLock { ending in
      if ending != nil { return ending }
      var status: Int32 = 0
      guard waitpid(id, &status, WNOHANG) == id else { return nil }
      let signal = status & 0x7f
      ending = signal == 0 ? .exit((status >> 8) & 0xff) : .signal(signal)
      return ending
    }
  }

  /// Sends a signal to the program alone, as `kill` or systemd would.
  package func send(_ signal: Int32) {
    if hasEnded == nil { kill(id, signal) }
  }

  /// Sends a signal to the program and all it started, as Ctrl-C in a terminal does.
  package func sendToGroup(_ signal: Int32) {
    kill(-id, signal)
  }

  /// Ends it and everything it started, at once. The answer comes when it is gone.
  package func killGroup() {
    kill(-id, SIGKILL)
    if ending.withLock({ $0 == nil }) {
      var status: Int32 = 0
      if waitpid(id, &status, 0) == id { ending.withLock { $0 = .signal(SIGKILL) } }
    }
    Reaper.ended(group: id)
  }

  /// The processes of its group that still run, by id and command.
  package func membersOfGroup() -> [String] {
    let processes = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return processes.compactMap { process in
      guard let stat = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
        let afterName = stat.lastIndex(of: ")")
      else { return nil }
      // After the name: state, parent, process group.
      let fields = stat[stat.index(after: afterName)...].split(separator: " ")
      guard fields.count > 2, fields[0] != "Z", fields[2] == String(id) else { return nil }
      return String(stat[...afterName])
    }
  }

  /// Waits until standard output has a line that contains `text`, and answers with that line.
  ///
  /// Throws `TestFailure` with all of its output when the program ends before or the time is over.
  @discardableResult
  package func line(containing text: String, within limit: Duration = .seconds(20)) async throws
    -> String
  {
    try await waitUntil("\(name) to print \"\(text)\"", within: limit, detail: { self.transcript })
    {
      if let line = self.output.split(separator: "\n").first(where: { $0.contains(text) }) {
        return String(line)
      }
      if let ending = self.hasEnded {
        throw TestFailure(
          "\(self.name) ended (\(ending)) before it printed \"\(text)\"\n\(self.transcript)")
      }
      return nil
    }
  }

  /// Waits until it has ended.
  @discardableResult
  package func end(within limit: Duration = .seconds(20)) async throws -> Ending {
    try await waitUntil("\(name) to end", within: limit, detail: { self.transcript }) {
      self.hasEnded
    }
  }

  /// The end of both outputs, for a failure's message.
  package var transcript: String {
    "--- \(name), standard output\n\(output.suffix(4000))\n--- standard error\n\(errors.suffix(4000))"
  }
}

/// Asks `condition` every few milliseconds until it answers, and throws `TestFailure` after `limit`.
@discardableResult
package func waitUntil<Answer>(
  _ what: String, within limit: Duration = .seconds(20), detail: () -> String = { "" },
  _ condition: () async throws -> Answer?
) async throws -> Answer {
  let clock = ContinuousClock()
  let deadline = clock.now + limit
  while true {
    if let answer = try await condition() { return answer }
    guard clock.now < deadline else {
      throw TestFailure("waited \(limit) in vain for \(what)\n\(detail())")
    }
    try await Task.sleep(for: .milliseconds(20))
  }
}
