import Glibc
import TelemetryModel

/// A program with everything that is needed to start it.
struct Program: Sendable {
  let path: String
  let arguments: [String]
  let environment: [String: String]
  let directory: String
  let user: ProgramUser?
  let limits: ProgramTemplate.Limits

  /// Why a program is not started.
  struct Refusal: Error, Hashable, CustomStringConvertible {
    let description: String
  }

  /// - Parameters:
  ///   - template: what the profile says.
  ///   - arguments: the arguments, filled in.
  ///   - command: the command's id, which the program finds in its environment.
  /// - Throws: why it cannot be started.
  init(
    _ template: ProgramTemplate, _ arguments: [String], command: String
  ) throws(Refusal) {
    let inherited = Self.agentEnvironment()
    path = try Self.path(template.program, searching: inherited["PATH"])
    self.arguments = arguments
    limits = template.limits
    directory = template.directory ?? "/"
    guard template.isOwn else {
      // The system's own tools, as the agent itself would call them.
      user = nil
      environment = inherited.merging(["LC_ALL": "C.UTF-8", "SYSTEMD_PAGER": ""]) { $1 }
      return
    }
    user = try Self.user(template.user)
    var environment = [
      "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
      "HOME": user?.home ?? "/", "HAWSER_COMMAND": command,
    ]
    if let user { environment["USER"] = user.name }
    self.environment = environment.merging(template.environment) { $1 }
  }

  /// Root's programs run as nobody unless the profile says as whom; others as the agent itself.
  private static func user(_ name: String?) throws(Refusal) -> ProgramUser? {
    let isRoot = geteuid() == 0
    guard let name = name ?? (isRoot ? "nobody" : nil) else { return nil }
    guard let user = ProgramUser(name) else {
      throw Refusal(description: "this machine has no user \(name)")
    }
    if user.user == geteuid(), !isRoot { return nil }
    guard isRoot else {
      throw Refusal(description: "the agent is not root, and cannot run programs as \(name)")
    }
    return user
  }

  private static func path(_ name: String, searching path: String?) throws(Refusal) -> String {
    if name.hasPrefix("/") { return name }
    for folder in (path ?? "/usr/bin:/bin:/usr/sbin:/sbin").split(separator: ":") {
      let candidate = "\(folder)/\(name)"
      if candidate.hasPrefix("/"), access(candidate, X_OK) == 0 { return candidate }
    }
    throw Refusal(description: "this machine has no \(name)")
  }

  private static func agentEnvironment() -> [String: String] {
    var variables: [String: String] = [:]
    for name in ["PATH", "HOME", "DBUS_SYSTEM_BUS_ADDRESS", "XDG_RUNTIME_DIR"] {
      if let value = getenv(name) { variables[name] = String(cString: value) }
    }
    return variables
  }
}

/// How a program ended.
struct ProgramEnd: Hashable, Sendable {
  /// Its exit code; 128 and the signal's number where a signal ended it, as shells have it.
  var exitCode: Int
  /// The signal that ended it.
  var signal: Int32?
  /// Whether it was told to stop.
  var wasStopped = false
  /// Whether it printed more than it may.
  var isFlooded = false
}
