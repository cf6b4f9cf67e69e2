import Foundation
import Testing
import TestSupport

/// One line that `command_deeds.py` wrote.
private struct DeedReport: Decodable {
  var checked: String?
  var wrong: String?
  var detail: String?
}

extension EndToEndTests {
  /// What an agent does when it is told to, with a broker in Python, tools that say what they were
  /// called with, and a GPIO chip that checks what it is asked.
  @Suite("What commands do", .timeLimit(.minutes(3)))
  struct CommandDeeds {
    @Test("Every command of a profile does what it says, and nothing else is done")
    func everyCommand() async throws {
      try await Workspace.use { workspace in
        let library = workspace.folder.appending(path: "gpio_lines.so").path
        let source = Checkout.root.appending(path: "Tests/EndToEndTests/Peers/gpio_lines.c").path
        let compiler = try workspace.start(
          "cc", program: try InteropPeer.tool("clang"),
          ["-Wall", "-shared", "-fPIC", "-o", library, source, "-ldl"])
        #expect(try await compiler.end(within: .seconds(60)) == .exit(0), "\(compiler.transcript)")
        let folder = workspace.folder.appending(path: "deeds")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        let peer = try workspace.startPeer(
          "deeds", script: "command_deeds.py",
          [
            "--agent", try Checkout.program("hawser-agent").path, "--folder", folder.path, "--gpio",
            library,
          ])
        #expect(try await peer.end(within: .seconds(150)) == .exit(0), "\(peer.transcript)")
        let reports = peer.reports(DeedReport.self)
        for report in reports {
          #expect(report.wrong == nil, "\(report.wrong ?? ""): \(report.detail ?? "")")
        }
        #expect(reports.count { $0.checked != nil } == 45, "\(peer.transcript)")
      }
    }
  }
}
