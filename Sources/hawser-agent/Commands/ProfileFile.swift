import AgentCore
import DeviceProtocol
import Settings
import TelemetryModel

/// Reads a profile: a YAML file that says what a device is and what it can be told to do. An example
/// with every key is `devices/profiles/example.yaml`.
enum ProfileFile {
  /// - Throws: every problem of the file, with its line.
  static func read(_ file: SettingsFile) throws(SettingsErrors) -> AgentProfile {
    try YAMLMap.read(file) { map in
      var profile = AgentProfile(
        name: map.take("name", word) ?? "", version: map.take("version", word) ?? "")
      if profile.name.isEmpty {
        map.refuse("name", expected: word.expectation, found: "nothing")
      }
      profile.atOnce =
        map.take("commandsAtOnce", .int(1...ProtocolLimits.maxCommandsAtOnce)) ?? 1
      profile.commands = map.takeEach("commands") { name, map in command(name, &map) }
      return profile
    }
  }

  private static let word = SettingKind<String>.string(maxBytes: ProtocolLimits.maxWordBytes)
  private static let sentence = SettingKind<String>.string(maxBytes: ProtocolLimits.maxTextBytes)

  private static func command(_ name: String, _ map: inout YAMLMap) -> AgentProfile.Command? {
    guard word.parse(.text(name)) != nil else {
      map.refuse(expected: "a name of 1 to \(ProtocolLimits.maxWordBytes) bytes", found: "another")
      return nil
    }
    let words = BuiltIn.allCases.map(\.rawValue)
    let does = map.take("does", .choice(words)) ?? name
    guard let builtIn = BuiltIn(rawValue: does) else {
      map.refuse(
        "does", expected: SettingKind<String>.choice(words).expectation, found: "nothing")
      return nil
    }
    var declaration = builtIn.declaration(name)
    if let text = map.take("text", sentence) { declaration.text = text }
    if let idempotent = map.take("idempotent", .bool) {
      // What of the others is harmless twice is known.
      if builtIn == .runProgram {
        declaration.idempotent = idempotent
      } else {
        map.refuse("idempotent", expected: "the key with runProgram only", found: does)
      }
    }
    let dangers = CommandDeclaration.Danger.allCases.map(\.rawValue)
    if let word = map.take("danger", .choice(dangers)) {
      declaration.danger = CommandDeclaration.Danger(rawValue: word) ?? .dangerous
    }
    if let timeout = map.take("timeout", .duration(.milliseconds(100)...(.seconds(86_400)))) {
      declaration.timeoutSeconds = timeout.inSeconds
    }
    guard let deed = deed(builtIn, &declaration, &map) else { return nil }
    return AgentProfile.Command(
      spec: CommandSpec(declaration, ending: builtIn.ending), deed: deed)
  }

  private static func deed(
    _ builtIn: BuiltIn, _ declaration: inout CommandDeclaration, _ map: inout YAMLMap
  ) -> CommandDeed? {
    switch builtIn {
    case .readNow: return .readNow
    case .setInterval: return .setInterval
    case .restartAgent: return .restartAgent
    case .diagnose: return .diagnose
    case .reboot:
      let program = map.take("program", path)
      let arguments = map.take("arguments", texts)
      return .reboot(
        program.map { ProgramTemplate($0, arguments ?? []) }
          ?? ProgramTemplate("systemctl", ["--no-ask-password", "reboot"]))
    case .runProgram: return ProgramKeys.template(&declaration, &map).map { .run($0) }
    case .serviceStatus, .serviceRestart, .tailJournal:
      let units = map.take("units", texts) ?? []
      if units.isEmpty, builtIn != .tailJournal {
        map.refuse("units", expected: "a list of the units that it may be asked for", found: "none")
      }
      if !units.isEmpty {
        declaration.params.append(
          CommandParameter(
            name: "unit", kind: .string, text: "The systemd unit.", values: units,
            isOptional: builtIn == .tailJournal))
      }
      return .run(service(builtIn, &declaration))
    case .setOutput:
      let lines = map.take("lines", texts) ?? []
      if lines.isEmpty {
        map.refuse("lines", expected: "a list of the GPIO lines that may be set", found: "none")
      }
      declaration.params = [
        CommandParameter(
          name: "line", kind: .string, text: "The name of the GPIO line.", values: lines),
        CommandParameter(name: "value", kind: .boolean, text: "On or off."),
      ]
      return .setOutput
    }
  }

  private static func service(
    _ builtIn: BuiltIn, _ declaration: inout CommandDeclaration
  ) -> ProgramTemplate {
    switch builtIn {
    case .serviceRestart:
      return ProgramTemplate("systemctl", ["--no-ask-password", "restart", "--", "{unit}"])
    case .tailJournal:
      declaration.params.append(
        CommandParameter(
          name: "lines", kind: .integer, text: "How many lines.", min: 1, max: 1000,
          defaultValue: 100))
      return ProgramTemplate(
        "journalctl",
        ["--no-pager", "--quiet", "--output=short-iso", "--lines={lines}", "--unit={unit}"])
    default:
      let facts =
        "Id,Description,LoadState,ActiveState,SubState,Result,MainPID,NRestarts,"
        + "ActiveEnterTimestamp,MemoryCurrent"
      return ProgramTemplate(
        "systemctl", ["--no-pager", "show", "--property=\(facts)", "--", "{unit}"])
    }
  }

  static let path = SettingKind<String>.text("an absolute path") {
    $0.hasPrefix("/") && $0.utf8.count <= 4095
  }
  static let texts = SettingKind<[String]>.list(of: "texts", maxCount: 100)
}
