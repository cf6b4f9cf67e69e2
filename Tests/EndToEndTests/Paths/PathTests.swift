import Foundation
import Testing
import TestSupport

extension EndToEndTests {
  /// Proxies, NATs and boxes that misbehave, each between a real agent and a real broker.
  ///
  /// The agent finds out what its path does to links, and from then on loses none; no reading is
  /// lost or counted twice. Trials mostly wait, so they run side by side.
  @Suite("Boxes on the path", .timeLimit(.minutes(8)))
  struct Paths {
    @Test("The link learns the limits of quick boxes")
    func quickBoxes() async throws {
      try await check(MiddleBox.fast, report: "paths-quick.md")
    }

    @Test(
      "The link learns the limits of every box, and no reading is lost or doubled",
      .enabled(if: Checkout.runsSlowTests, "config/test.sh --slow and CI run it"))
    func everyBox() async throws {
      try await check(MiddleBox.all, report: "paths.md")
    }

    @Test("hawser-agent diagnose names the fault of a box that lets no link through")
    func closedBoxes() async throws {
      try await withThrowingTaskGroup(of: Void.self) { group in
        for box in MiddleBox.closed {
          group.addTask {
            try await Workspace.use { workspace in
              let broker = try await workspace.startBroker()
              let route = try await box.start(workspace, broker)
              do {
                _ = try await PathReader(box: box, workspace: workspace, route: route).read()
              } catch let failure as TestFailure {
                Issue.record("\(box): \(failure.description)")
              }
            }
          }
        }
        try await group.waitForAll()
      }
    }

    private func check(_ boxes: [MiddleBox], report: String) async throws {
      let results = await withTaskGroup(of: (Int, Result<PathFinding, any Error>).self) { group in
        for (index, box) in boxes.enumerated() {
          group.addTask {
            do { return (index, .success(try await PathTrial(box: box).run())) } catch {
              return (index, .failure(error))
            }
          }
        }
        var results: [(Int, Result<PathFinding, any Error>)] = []
        for await result in group { results.append(result) }
        return results.sorted { $0.0 < $1.0 }.map(\.1)
      }
      try PathReport.write(results.compactMap { try? $0.get() }, as: report)
      for result in results {
        switch result {
        case .failure(let error): Issue.record("\(error)")
        case .success(let finding):
          #expect(finding.dropsAfterLearned == 0, "\(finding.box): dropped after it was learned")
        }
      }
    }
  }
}
