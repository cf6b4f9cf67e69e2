import DeviceProtocol
import Settings
import TelemetryModel

/// Reads what a profile says of a program that a command runs.
enum ProgramKeys {
  static func template(
    _ declaration: inout CommandDeclaration, _ map: inout YAMLMap
  ) -> ProgramTemplate? {
    declaration.params = map.takeEach("params") { name, map in parameter(name, &map) }
    let isMissing = !map.has("program")
    let program = map.take("program", ProfileFile.path)
    if isMissing {
      map.refuse("program", expected: ProfileFile.path.expectation, found: "nothing")
    }
    var template = ProgramTemplate(program ?? "", map.take("arguments", ProfileFile.texts) ?? [])
    template.user = map.take("user", .string(maxBytes: 64))
    template.directory = map.take("directory", ProfileFile.path)
    template.environment = map.take("environment", .map()) ?? [:]
    template.isOwn = true
    if let memory = map.take("memory", .size(1 << 20...1 << 40)) {
      template.limits.memoryBytes = memory
    }
    if let output = map.take("output", .size(1...1 << 30)) { template.limits.outputBytes = output }
    if let file = map.take("fileSize", .size(0...1 << 40)) { template.limits.fileBytes = file }
    let time = SettingKind<Duration>.duration(.seconds(1)...(.seconds(86_400)))
    if let processor = map.take("processorTime", time) {
      template.limits.processorSeconds = Int(processor.inSeconds.rounded(.up))
    }
    let known = declaration.params.map(\.name)
    for name in template.placeholders where !known.contains(name) {
      map.refuse("arguments", expected: "parameters that are declared", found: "{\(name)}")
    }
    for name in known where !template.placeholders.contains(name) {
      map.refuse("arguments", expected: "{\(name)}, which is declared", found: "no use of it")
    }
    return program == nil ? nil : template
  }

  private static func parameter(_ name: String, _ map: inout YAMLMap) -> CommandParameter? {
    guard !name.isEmpty, name.utf8.count <= ProtocolLimits.maxWordBytes,
      !name.contains(where: { "{} ".contains($0) })
    else {
      map.refuse(expected: "a name without blanks and braces", found: "another")
      return nil
    }
    let kinds: [CommandParameter.Kind] = [.boolean, .integer, .number, .string]
    let choice = SettingKind<String>.choice(kinds.map(\.rawValue))
    let isMissing = !map.has("type")
    guard let kind = map.take("type", choice).flatMap(CommandParameter.Kind.init) else {
      if isMissing { map.refuse("type", expected: choice.expectation, found: "nothing") }
      return nil
    }
    var parameter = CommandParameter(name: name, kind: kind)
    parameter.text = map.take("text", .string(maxBytes: ProtocolLimits.maxTextBytes))
    parameter.isOptional = map.take("optional", .bool) ?? false
    if kind == .integer || kind == .number {
      parameter.unit = map.take("unit", .string(maxBytes: ProtocolLimits.maxWordBytes))
      parameter.min = map.take("min", .anyNumber)
      parameter.max = map.take("max", .anyNumber)
      if let min = parameter.min, let max = parameter.max, min > max {
        map.refuse("max", expected: "no less than min", found: "\(max)")
      }
    }
    if kind == .string {
      parameter.maxBytes = map.take("maxBytes", .int(1...ProtocolLimits.maxParameterBytes))
      parameter.values = map.take("values", ProfileFile.texts)
    }
    if let typed = map.take("default", .text("a value") { $0.utf8.count <= 8192 }) {
      do throws(CommandFault) {
        parameter.defaultValue = try parameter.read(typed)
      } catch {
        map.refuse("default", expected: "a value that fits", found: "\(typed) (\(error.message))")
      }
    }
    return parameter
  }
}

extension SettingKind where Value == Double {
  /// Any finite number, also a negative one.
  fileprivate static var anyNumber: SettingKind {
    SettingKind(
      expectation: "a number",
      parse: { input in
        guard case .text(let text) = input, let number = Double(text), number.isFinite else {
          return nil
        }
        return number
      },
      render: { "\($0)" })
  }
}
