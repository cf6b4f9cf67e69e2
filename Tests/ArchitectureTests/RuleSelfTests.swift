import Testing

/// Each rule finds what it is there to find; otherwise a green `ArchitectureTests` means nothing.
@Suite("The architecture rules notice what they forbid")
struct RuleSelfTests {
  private func source(_ text: String, in target: String = "TelemetryModel") -> SourceFile {
    SourceFile(path: "Sources/\(target)/Concept/Idea.swift", text: text)
  }

  @Test(
    "A forbidden import is found, however it is written",
    arguments: [
      "import GRDB", "package import DeviceProtocol", "@preconcurrency import NIOCore",
      "import struct NIOCore.ByteBuffer", "@testable import BrokerCore",
      "  internal import Logging",
    ])
  func forbiddenImport(line: String) {
    #expect(ImportRule.violations(in: source("\n" + line)).map(\.line) == [2])
  }

  @Test("An allowed import, an import in a comment and a sibling along the arrows are not found")
  func allowedImport() {
    let file = source(
      "import Glibc\n// import GRDB\npackage import TelemetryModel", in: "BrokerServer")
    #expect(ImportRule.violations(in: file).isEmpty)
  }

  @Test("An arrow is not followed backwards")
  func backwards() {
    #expect(!ImportRule.violations(in: source("import BrokerServer", in: "BrokerCore")).isEmpty)
    #expect(!ImportRule.violations(in: source("import TelemetryStore", in: "BrokerServer")).isEmpty)
    #expect(!ImportRule.violations(in: source("import BrokerCore", in: "hawser-agent")).isEmpty)
  }

  @Test("A target that the table does not know is found")
  func unknownTarget() {
    #expect(!ImportRule.violations(in: source("import Glibc", in: "Utils")).isEmpty)
  }

  @Test("Full Foundation is found in each target of the agent", arguments: ImportRule.agentSide)
  func foundation(target: String) {
    #expect(!ImportRule.violations(in: source("import Foundation", in: target)).isEmpty)
    #expect(
      !ImportRule.violations(in: source("import FoundationNetworking", in: target)).isEmpty)
  }

  @Test(
    "A visible declaration without a doc comment is found",
    arguments: [
      "package struct A {}", "public func f() {}", "  package static let x = 1",
      "@usableFromInline\npackage init() {}", "// no doc comment\npackage enum E {}",
      "package private(set) var count = 0", "package nonisolated(unsafe) var x = 1",
      "@inlinable package mutating func f() {}", "package protocol P {\n  func f()\n}",
      "/// Said.\npackage protocol P {\n  var x: Int { get }\n}",
      "/// Said.\npackage struct A {}\n\npackage struct B {}",
    ])
  func undocumented(text: String) {
    #expect(!DocumentationRule.violations(in: source(text)).isEmpty)
  }

  @Test(
    "A documented or hidden declaration is not found",
    arguments: [
      "/// Said.\npackage struct A {}", "struct A {}", "package import NIOCore", "extension A {}",
      "/// Said.\n@inlinable\n@available(*, deprecated)\npackage func f() {}",
      "/// Said.\npackage protocol P {\n  /// Said.\n  func f()\n}\n\nfunc g() {}",
      "let code = \"\"\"\n  package struct A {}\n  \"\"\"",
    ])
  func documented(text: String) {
    #expect(DocumentationRule.violations(in: source(text)).isEmpty)
  }

  @Test("A file of 501 lines is found, one of 500 is not")
  func length() {
    let line = "let a = 1\n"
    #expect(
      FileRules.lengthViolations(in: source(String(repeating: line, count: 500))).isEmpty)
    #expect(
      !FileRules.lengthViolations(in: source(String(repeating: line, count: 501))).isEmpty)
  }

  @Test("A strange top-level entry is found")
  func place() {
    let paths = ["README.md", "notes.txt", "Sources/A/B.swift", "scripts/x.sh"]
    #expect(FileRules.placeViolations(of: paths).map(\.path) == ["notes.txt", "scripts"])
  }

  @Test(
    "A path of one machine is found",
    arguments: ["cd /wor" + "k/main", "\"/roo" + "t/.cache\"", "see /op" + "t/swift-6/bin"])
  func machinePath(text: String) {
    #expect(!FileRules.machinePathViolations(in: source(text)).isEmpty)
  }

  @Test("An ordinary path is not taken for one of one machine")
  func ordinaryPath() {
    let text = "GET /v1/net" + "work/ and https://host/a/wor" + "k/"
    #expect(FileRules.machinePathViolations(in: source(text)).isEmpty)
  }

  @Test(
    "Unfinished or trapping code is found",
    arguments: [
      "// TO" + "DO: later", "fatalErro" + "r(\"no\")", "tr" + "y! f()", "x a" + "s! Int",
    ])
  func leftovers(text: String) {
    #expect(!FileRules.leftoverViolations(in: source(text)).isEmpty)
  }

  @Test(
    "What the page's policy would block is found",
    arguments: [
      "<script>alert(1)</script>", "<p style=\"color: red\">", "<button onclick=\"go()\">",
      "import x from 'https://elsewhere.example/x.js'", "<style>p {}</style>",
      "box.innerHTML = name",
    ])
  func page(text: String) {
    let file = SourceFile(path: "Sources/BrokerServer/Dashboard/index.html", text: text)
    #expect(!DashboardRule.violations(in: file).isEmpty)
  }
}
