import AgentCore
import DeviceProtocol
import Foundation
import Settings
import TelemetryModel
import Testing

@testable import hawser_agent

@Suite("Profiles")
struct ProfileFileTests {
  private func read(_ text: String) throws(SettingsErrors) -> AgentProfile {
    try ProfileFile.read(SettingsFile(path: "p.yaml", bytes: Array(text.utf8)))
  }

  private var example: String {
    let here = URL(fileURLWithPath: #filePath)
    let root = (0..<4).reduce(here) { url, _ in url.deletingLastPathComponent() }
    return root.appendingPathComponent("devices/profiles/example.yaml").path
  }

  @Test("The example is a profile, and says what it seems to say")
  func exampleFile() throws {
    let profile = try ProfileFile.read(try SettingsFile.read(path: example))
    #expect(profile.name == "greenhouse" && profile.version == "2" && profile.atOnce == 2)
    #expect(
      profile.commands.map(\.spec.name) == [
        "readNow", "setInterval", "diagnose", "restartAgent", "reboot", "water", "status",
        "restartPump", "tailJournal", "lamp",
      ])
    let water = try #require(profile.commands.first { $0.spec.name == "water" })
    #expect(water.spec.timeout == .seconds(600))
    #expect(water.spec.declaration.danger == .dangerous)
    #expect(try water.spec.declaration.check(["bed": 2].object)["litres"] == 5)
    #expect(throws: CommandFault.self) {
      try water.spec.declaration.check(["bed": 5].object)
    }
    guard case .run(let template) = water.deed else {
      Issue.record("\(water.deed)")
      return
    }
    #expect(template.user == "nobody" && template.isOwn)
    #expect(
      template.limits
        == ProgramTemplate.Limits(
          memoryBytes: 128 << 20, processorSeconds: 10, fileBytes: 1 << 20,
          outputBytes: 256 << 10))
    let status = try #require(profile.commands.first { $0.spec.name == "status" })
    #expect(throws: CommandFault.self) {
      try status.spec.declaration.check(["unit": "evil.service"].object)
    }
    #expect(profile.commands.first { $0.spec.name == "reboot" }?.spec.ending == .boot)
    #expect(profile.commands.first { $0.spec.name == "restartAgent" }?.spec.ending == .agent)
  }

  @Test(
    "What is wrong is named with its line, its key and what was expected",
    arguments: [
      ("commands:", "p.yaml:1: name: expected text of 1 to 128 bytes, found nothing"),
      ("name: x\ncommands: [a]", "p.yaml:2: commands: expected names with keys below"),
      ("name: x\ncommands:\n  dance:", "p.yaml:3: commands.dance.does: expected one of readNow"),
      (
        "name: x\ncommands:\n  a: {does: runProgram}",
        "p.yaml:3: commands.a.program: expected an absolute path, found nothing"
      ),
      (
        "name: x\ncommands:\n  a: {does: runProgram, program: rm}",
        "p.yaml:3: commands.a.program: expected an absolute path, found \"rm\""
      ),
      (
        "name: x\ncommands:\n  a: {does: runProgram, program: /bin/a, arguments: [\"{b}\"]}",
        "commands.a.arguments: expected parameters that are declared, found {b}"
      ),
      (
        "name: x\ncommands:\n  a:\n    does: runProgram\n    program: /bin/a\n"
          + "    params: {b: {type: number}}",
        "commands.a.arguments: expected {b}, which is declared, found no use of it"
      ),
      (
        "name: x\ncommands:\n  a:\n    does: runProgram\n    program: /a\n    arguments: ['{b}']\n"
          + "    params: {b: {type: colour}}",
        "p.yaml:7: commands.a.params.b.type: expected one of boolean, integer, number, string"
      ),
      (
        "name: x\ncommands:\n  a:\n    does: runProgram\n    program: /a\n    arguments: ['{b}']\n"
          + "    params: {b: {type: integer, max: 3, default: 4}}",
        "commands.a.params.b.default: expected a value that fits, found 4 (more than 3)"
      ),
      (
        "name: x\ncommands:\n  readNow: {idempotent: false}",
        "commands.readNow.idempotent: expected the key with runProgram only, found readNow"
      ),
      (
        "name: x\ncommands:\n  s: {does: serviceRestart}",
        "commands.s.units: expected a list of the units that it may be asked for, found none"
      ),
      ("name: x\ncolour: red", "p.yaml:2: colour: expected a known key, found an unknown one"),
      (
        "name: x\ncommands:\n  readNow: {program: /bin/x}",
        "p.yaml:3: commands.readNow.program: expected a known key, found an unknown one"
      ),
      ("name: [", "p.yaml:"),
    ])
  func problems(text: String, problem: String) {
    let error = #expect(throws: SettingsErrors.self) { try read(text) }
    #expect(error?.description.contains(problem) == true, "\(error?.description ?? "none")")
  }

  @Test("One mistake is one problem")
  func once() {
    for text in ["name: [", "name: x\ncommands:\n  a: {does: runProgram, program: rm}"] {
      #expect(throws: SettingsErrors.self) { try read(text) }
      do throws(SettingsErrors) {
        _ = try read(text)
      } catch {
        #expect(error.problems.count == 1, "\(error)")
      }
    }
  }

  @Test("Without a profile a device can be told what harms nobody")
  func usual() throws {
    let settings = try AgentSettings.schema.load()
    let summary = try AgentProfile.load(settings).summary
    #expect(
      summary.commands.map(\.name) == ["readNow", "setInterval", "restartAgent", "diagnose"])
    #expect(summary.commands.allSatisfy { $0.danger != .dangerous })
  }

  @Test("Arguments are filled in, each as one; what would be taken for an option is refused")
  func arguments() throws {
    let template = ProgramTemplate("/x", ["-n{n}", "{text}", "a {text} b", "{flag}", "{}", "{"])
    let params: JSONObject = ["n": 3, "text": "x; rm -rf *", "flag": true].object
    #expect(
      try template.arguments(params)
        == ["-n3", "x; rm -rf *", "a x; rm -rf * b", "true", "{"])
    #expect(try template.arguments(["n": 1.5].object) == ["-n1.5", "{"])
    for text in ["-rf", "a\0b"] {
      #expect(throws: CommandFault.self) {
        try template.arguments(["text": .string(text)].object)
      }
    }
    #expect(try ProgramTemplate("/x", ["--a={t}"]).arguments(["t": "-b"].object) == ["--a=-b"])
  }
}

extension [String: JSONValue] {
  fileprivate var object: JSONObject {
    var object = JSONObject()
    for (key, value) in self { object[key] = value }
    return object
  }
}
