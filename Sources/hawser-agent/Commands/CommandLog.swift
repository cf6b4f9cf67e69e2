import AgentCore
import DeviceProtocol
import Logging

/// The agent's words about commands: what was done on whose behalf must be found on the device too.
enum CommandLog {
  static func write(_ report: CommandReport, to logger: Logger) {
    switch report {
    case .refused(let command, let name, let state):
      logger.notice(
        "command refused",
        metadata: [
          "command": "\(command)", "name": "\(name)",
          "outcome": "\(state.outcome?.rawValue ?? state.state.rawValue)",
          "reason": "\(state.reason ?? "")",
        ])
    case .began(let command, let name, let start):
      logger.info(
        "command begins",
        metadata: ["command": "\(command)", "name": "\(name)", "start": "\(start)"])
    case .ended(let command, let name, let result):
      logger.log(
        level: result.outcome == .succeeded ? .info : .notice, "command ended",
        metadata: [
          "command": "\(command)", "name": "\(name)", "outcome": "\(result.outcome.rawValue)",
          "exitCode": "\(result.exitCode.map(String.init) ?? "none")",
          "reason": "\(result.reason ?? "")",
        ])
    case .cancelled(let command):
      logger.info("command cancelled by the broker", metadata: ["command": "\(command)"])
    case .notTaken(let command, let error):
      logger.warning(
        "the broker does not take a command's result",
        metadata: ["command": "\(command)", "error": "\(error)"])
    case .journalFailed(let failure):
      logger.error(
        "the disk does not take the journal of commands", metadata: ["reason": "\(failure)"])
    case .journalDamaged:
      logger.error(
        "the journal of commands is damaged; repeated commands are not carried out again")
    }
  }
}
