import AgentCore
import DeviceProtocol
import TelemetryModel

/// A program as a profile allows it, with places for the command's parameters in its arguments.
/// There is no shell: each argument is one, whatever stands in it.
struct ProgramTemplate: Hashable, Sendable {
  /// What a program may use.
  struct Limits: Hashable, Sendable {
    /// Its address space, 256 MiB; 0 is no limit.
    var memoryBytes = 256 << 20
    /// The processor's time, 60 s; 0 is no limit.
    var processorSeconds = 60
    /// The largest file that it writes, 64 MiB; 0 is no limit.
    var fileBytes = 64 << 20
    /// What it may print before it is stopped, 1 MiB.
    var outputBytes = 1 << 20
  }

  /// An absolute path, or a name that is looked for on the agent's own PATH.
  let program: String
  /// Its arguments; `{name}` stands for the parameter of that name, and an argument with one that is
  /// not given is left out.
  let arguments: [String]
  /// The user it runs as.
  var user: String?
  /// Its working folder.
  var directory: String?
  /// What is added to its environment.
  var environment: [String: String] = [:]
  var limits = Limits()
  /// Whether it is the device's own program, which gets a user and an environment of its own.
  var isOwn = false

  init(_ program: String, _ arguments: [String] = []) {
    self.program = program
    self.arguments = arguments
  }

  /// Names of the parameters that the arguments use.
  var placeholders: [String] {
    arguments.flatMap(Self.parts).compactMap { part in
      if case .parameter(let name) = part { name } else { nil }
    }
  }

  private enum Part {
    case text(String)
    case parameter(String)
  }

  private static func parts(_ argument: String) -> [Part] {
    var parts: [Part] = []
    var rest = argument[...]
    while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
      parts.append(.text(String(rest[..<open])))
      parts.append(.parameter(String(rest[rest.index(after: open)..<close])))
      rest = rest[rest.index(after: close)...]
    }
    return parts + [.text(String(rest))]
  }

  /// The arguments with a command's parameters in them.
  /// - Throws: a text that would be taken for an option, or that no argument can hold.
  func arguments(_ params: JSONObject) throws(CommandFault) -> [String] {
    var filled: [String] = []
    for argument in arguments {
      var text = ""
      var isWhole = true
      for part in Self.parts(argument) {
        switch part {
        case .text(let more): text += more
        case .parameter(let name):
          guard let value = params[name], value != .null else {
            isWhole = false
            continue
          }
          text += try Self.text(name, value, isFirst: text.isEmpty)
        }
      }
      if isWhole { filled.append(text) }
    }
    return filled
  }

  private static func text(
    _ name: String, _ value: JSONValue, isFirst: Bool
  ) throws(CommandFault) -> String {
    guard case .string(let text) = value else { return value.description }
    // The end of an argument for the kernel.
    if text.utf8.contains(0) { throw CommandFault(parameter: name, "has a zero byte in it") }
    if isFirst, text.hasPrefix("-") {
      throw CommandFault(parameter: name, "begins with a hyphen, as options do")
    }
    return text
  }
}
