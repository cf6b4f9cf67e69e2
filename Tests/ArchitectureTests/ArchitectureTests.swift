import Foundation
import Testing

/// The project's rules, applied to its own sources.
@Suite("The sources keep the architecture")
struct ArchitectureTests {
  @Test("The sources were found")
  func sourcesWereFound() {
    #expect(SourceTree.swiftSources.count > 20)
    #expect(SourceTree.paths.contains("Package.swift"))
  }

  @Test("No target imports what its arrows do not reach")
  func imports() {
    expectNone(SourceTree.swiftSources.flatMap(ImportRule.violations))
  }

  @Test("Every package or public declaration has a doc comment")
  func documentation() {
    expectNone(SourceTree.swiftSources.flatMap(DocumentationRule.violations))
  }

  @Test("No file is longer than 500 lines")
  func lengths() {
    let written = SourceTree.files.filter { FileRules.isWritten($0.path) }
    expectNone(written.flatMap(FileRules.lengthViolations))
  }

  @Test("Nothing stands at the top that the layout does not name")
  func topLevel() {
    expectNone(FileRules.placeViolations(of: SourceTree.paths))
  }

  @Test("No committed file names a folder of one machine")
  func machinePaths() {
    expectNone(SourceTree.files.flatMap(FileRules.machinePathViolations))
  }

  @Test("Nothing that ships is unfinished or traps")
  func leftovers() {
    expectNone(SourceTree.swiftSources.flatMap(FileRules.leftoverViolations))
  }

  @Test("The dashboard takes nothing from elsewhere and has no inline script or style")
  func dashboard() {
    let pages = SourceTree.files.filter { $0.path.hasPrefix("Sources/BrokerServer/Dashboard/") }
    #expect(!pages.isEmpty)
    expectNone(pages.flatMap(DashboardRule.violations))
  }

  private func expectNone(
    _ violations: [Violation], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    guard !violations.isEmpty else { return }
    let list = violations.map(\.description).joined(separator: "\n")
    Issue.record("\(list)", sourceLocation: sourceLocation)
  }
}
