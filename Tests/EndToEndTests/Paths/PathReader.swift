import AgentCore
import Foundation
import TestSupport

/// Runs `hawser-agent diagnose` behind a box, and checks that it names the box's fault.
struct PathReader: Sendable {
  /// What `--json` prints.
  struct Diagnosis: Decodable {
    struct Step: Decodable {
      var step: String
      var ok: Bool
      var detail: String
    }
    struct Fault: Decodable {
      var code: String
      var text: String
      var remedy: String
    }
    var steps: [Step]
    var faults: [Fault]
  }

  let box: MiddleBox
  let workspace: Workspace
  let route: MiddleBox.Route

  /// The fault's word, or `none`. Throws `TestFailure` where that is another than the box has.
  func read() async throws -> String {
    var options = ["diagnose", "--json", "--broker", route.broker, "--device", "boxed"]
    if let silence { options += ["--idle", "\(silence)"] }
    let agent = try Checkout.program("hawser-agent")
    let (program, arguments) =
      try route.network?.onDevice(agent, options + route.options)
      ?? (agent, options + route.options)
    let run = try workspace.start(
      "diagnose", program: program, arguments, environment: route.environment)
    let ending = try await run.end(within: .seconds(Double((silence ?? 0) * 3 + 60)))
    guard let diagnosis = try? JSONDecoder().decode(Diagnosis.self, from: Data(run.output.utf8))
    else { throw TestFailure("diagnose ended with \(ending)\n\(run.transcript)") }
    let found = diagnosis.faults.first
    guard (found?.code ?? "none") == expected.code, ending == .exit(expected.exitCode) else {
      throw TestFailure(
        "expected \(expected.code) (\(expected.exitCode)), \(ending)\n\(run.transcript)")
    }
    if let limit = box.idleLimit, expected.code == "idle-cut", let text = found?.text {
      // "… that are silent for 3.4 s."
      let seconds = text.split(separator: " ").compactMap { Double($0) }.last ?? 0
      guard (limit * 0.8...limit * 1.3 + 2).contains(seconds) else {
        throw TestFailure("\(limit) s are taken for \(seconds): \(text)")
      }
    }
    return expected.code
  }

  /// The silence to try, in seconds: longer than what the box lets pass.
  private var silence: Int? {
    switch box.fault {
    case .cutsIdle(let limit): Int(limit * 1.5) + 3
    case .forgetsIdle(let limit): Int(limit * 1.5) + 2
    case .cutsAge(let life): Int(life * 1.5)
    case .none: 2
    case .blocksWebSocket, .losesAll, .refuses: nil
    }
  }

  private var expected: (code: String, exitCode: Int32) {
    switch box.fault {
    case .cutsIdle: ("idle-cut", 0)
    case .forgetsIdle: ("idle-forgotten", 0)
    case .cutsAge: ("lifetime-cut", 0)
    // Requests get through, so that agents can do without.
    case .blocksWebSocket(let code): (code, 0)
    case .losesAll: ("connect-timeout", 75)
    case .refuses(let code, let exitCode): (code, exitCode)
    case .none: ("none", 0)
    }
  }
}

extension SpoolLedger {
  /// What an agent that has ended knew of its packs; its state folder.
  init(ofStoppedAgent state: URL) throws {
    let folder = try DiskSpoolFolder(state.appending(path: "spool").path)
    self = try DiskSpool(in: folder) { "none" }.ledger
  }
}
