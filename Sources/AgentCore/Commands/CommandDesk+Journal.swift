import DeviceProtocol
import TelemetryModel

// What the journal found on the disk, and how long it is good for.
extension CommandDesk {
  /// Settles what an agent before this one left behind.
  mutating func settle(at now: Moment) -> [CommandStep] {
    guard settledRecoveries < journal.recoveries else { return [] }
    settledRecoveries = journal.recoveries
    var steps: [CommandStep] = []
    for id in journal.openIDs where running[id] == nil && !queue.contains(id) {
      guard var record = journal[id], record.result == nil else { continue }
      if record.phase == .running {
        if let result = verdict(on: record) {
          steps += finish(record.id, result)
          continue
        }
        record.phase = .waiting
        journal.note([record], durably: false)
      }
      if let refusal = presentRefusal(of: record) {
        steps += leaveOut(record, CommandResult(.rejected, reason: refusal))
      } else {
        queue.append(record.id)
      }
    }
    return steps + begin(at: now)
  }

  /// Why a command that an agent before this one took is refused now: the profile or the owner's
  /// will is another.
  func presentRefusal(of record: CommandRecord) -> String? {
    guard let spec = configuration.spec(record.name) else {
      return "this device has no command \(record.name) any more"
    }
    if let reason = configuration.policy.refusal(of: spec.declaration) { return reason }
    do throws(CommandFault) {
      _ = try spec.declaration.check(record.params)
      return nil
    } catch {
      return error.description
    }
  }

  /// What is to be said of a command in whose midst the agent ended; nil where it is done again.
  func verdict(on record: CommandRecord) -> CommandResult? {
    let spec = configuration.spec(record.name)
    switch spec?.ending {
    case .agent: return CommandResult(.succeeded, reason: "the agent was started anew")
    case .boot where record.boot != configuration.boot && !configuration.boot.isEmpty:
      return CommandResult(.succeeded, reason: "the machine was started anew")
    case .nothing, .boot, nil: break
    }
    guard spec?.declaration.idempotent == true else {
      return CommandResult(.unknown, reason: "the agent ended while it ran")
    }
    guard record.starts < configuration.maxStarts else {
      return CommandResult(
        .unknown, reason: "the agent ended each of the \(record.starts) times that it ran")
    }
    return nil
  }

  /// Whether a command must not be begun any more; nil while nobody knows, because the machine was
  /// started anew and no broker has told the time since.
  func isExpired(_ record: CommandRecord, at now: Moment) -> Bool? {
    Self.isExpired(record, boot: configuration.boot, at: now)
  }

  static func isExpired(
    _ record: CommandRecord, boot: String, at now: Moment
  ) -> Bool? {
    if record.boot == boot, !boot.isEmpty { return now.monotonic >= record.deadline }
    return now.broker.map { $0 >= record.expires }
  }

  /// Makes room: a repetition of these would be refused as too late.
  mutating func forgetOld(at now: Moment) {
    let boot = configuration.boot
    journal.forget { Self.isExpired($0, boot: boot, at: now) ?? false }
  }

  mutating func tellFailure() -> [CommandStep] {
    guard journal.failure != toldFailure else { return [] }
    toldFailure = journal.failure
    return journal.failure.map { [.report(.journalFailed($0))] } ?? []
  }
}
