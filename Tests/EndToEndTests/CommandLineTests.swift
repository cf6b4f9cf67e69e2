import Foundation
import TestSupport
import Testing

extension EndToEndTests {
  /// How `hawser`'s commands end, and what they say: as programs in a shell, beside others.
  @Suite("The command line", .timeLimit(.minutes(2)))
  struct ProgramsInShells {
    /// Runs a line of a shell in which `$H` is the program; `name` must be used once.
    private func shell(
      _ line: String, _ name: String, in workspace: Workspace
    ) async throws -> (ending: ProgramRun.Ending, output: String, errors: String) {
      let run = try workspace.start(
        name, program: URL(filePath: "/bin/sh"), ["-c", line],
        environment: ["H": Checkout.program("hawser").path, "TZ": "UTC"])
      let ending = try await run.end(within: .seconds(40))
      return (ending, run.output, run.errors)
    }

    @Test("Commands end with whoever reads them, and say where output was lost")
    func endings() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        _ = try workspace.startAgent(device: "pi", broker: broker.url)
        try await broker.wait(for: "pi", toBe: "online")
        let address = "--broker \(broker.url.absoluteString)"
        let watch = try await shell(
          "($H watch \(address) --since -1m; echo ended $? >&2) | head -1", "watch", in: workspace)
        #expect(watch.ending == .exit(0))
        #expect(watch.output.split(separator: "\n").count == 1)
        // 128 + SIGPIPE, as of any other program.
        #expect(watch.errors.contains("ended 141"), "\(watch.errors)")
        for command in ["watch --since -1m", "history", "devices", "history --csv"] {
          let name = command.filter(\.isLetter)
          let full = try await shell(
            "exec $H \(command) \(address) >/dev/full", name, in: workspace)
          #expect(full.ending == .exit(74), "\(command): \(full.errors)")
          #expect(full.errors.contains("cannot be written: No space left"), "\(full.errors)")
        }
        let plot = try await shell("$H history '*' \(address) --plot", "plot", in: workspace)
        #expect(plot.output.contains(" UTC\n"), "\(plot.output)")
      }
    }

    @Test("What is wrong is said in the words that were typed, and what is missing is said at all")
    func words() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        let address = "--broker \(broker.url.absoluteString)"
        let cases: [(String, Int32, String)] = [
          ("history 'nosuch/*' \(address)", 0, "no series is like nosuch/* yet"),
          ("devices \(address)", 0, "there are no devices yet"),
          ("devices nosuch \(address)", 0, "no device is like that"),
          ("history --from yesterday \(address)", 64, "hawser: --from: "),
          ("watch --since yesterday \(address)", 64, "hawser: --since: "),
          ("watch --functions mode \(address)", 64, "--functions: mode is none of "),
          ("history --functions mean,mean \(address)", 64, "--functions: mean is named twice"),
          ("devices --broker http://127.0.0.1:1", 69, "does not answer: "),
          ("watch --broker http://127.0.0.1:1", 69, "does not answer: "),
        ]
        for (index, (line, code, text)) in cases.enumerated() {
          let told = try await shell("exec $H \(line)", "words-\(index)", in: workspace)
          #expect(told.ending == .exit(code), "\(line): \(told)")
          #expect(told.errors.contains(text), "\(line): \(told.errors)")
          #expect(!told.errors.contains("Failure(") && !told.errors.contains("params."))
          #expect(told.output.isEmpty, "\(line): \(told.output)")
        }
        let waiting = try workspace.start(
          "waiting", program: Checkout.program("hawser"),
          ["watch", "nosuch/*", "--broker", broker.url.absoluteString])
        try await waitUntil("watch to say that there is nothing yet", within: .seconds(20)) {
          waiting.errors.contains("no series is like nosuch/* yet") ? true : nil
        }
      }
    }
  }
}
