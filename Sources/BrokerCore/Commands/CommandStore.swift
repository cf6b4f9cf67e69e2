package import DeviceProtocol
package import TelemetryModel

/// Where commands, rollouts and the audit are kept: a port beside ``SampleStore``.
///
/// One writer calls ``write(_:)``, one call at a time; any number of readers call the rest. All
/// methods throw ``StoreError``.
package protocol CommandStore: Sendable {
  /// What the broker keeps in memory: commands and rollouts that are not over, and what devices said
  /// they can do. Called once, after the store was opened.
  func activeCommands() async throws -> CommandContents

  /// Writes changes in one transaction, in their order. When it returns they survive a power cut; when
  /// it throws, nothing of them was written.
  func write(_ changes: [CommandChange]) async throws

  /// One command with its history.
  func command(_ id: String) async throws -> CommandRecord?

  /// The id of the command that was ordered for a device under a key.
  func command(for device: DeviceID, key: String) async throws -> CommandRecord?

  /// Commands, newest first, without their history and output.
  func commands(_ query: CommandQuery) async throws -> [NumberedCommand]

  /// The audit, oldest first.
  func audit(_ query: AuditQuery) async throws -> [AuditEntry]
}

/// What a store holds that the broker keeps in memory.
package struct CommandContents: Sendable {
  /// Commands that are not over, in the order in which they were ordered.
  package var commands: [StoredCommand]
  /// What devices said they can do.
  package var profiles: [DeviceID: DeviceAbilities]

  /// Names all parts.
  package init(commands: [StoredCommand] = [], profiles: [DeviceID: DeviceAbilities] = [:]) {
    self.commands = commands
    self.profiles = profiles
  }
}

/// A command as it is kept.
package struct StoredCommand: Hashable, Sendable {
  /// What was ordered.
  package var order: CommandOrder
  /// Where it stands.
  package var status: CommandStatus

  /// Names both.
  package init(order: CommandOrder, status: CommandStatus) {
    self.order = order
    self.status = status
  }
}

/// A command in a list: its number is its place.
package struct NumberedCommand: Sendable {
  /// Counts commands in the order in which they were ordered.
  package var number: Int64
  /// The command.
  package var command: StoredCommand

  /// Names both.
  package init(number: Int64, command: StoredCommand) {
    self.number = number
    self.command = command
  }
}

/// A command with all that happened to it.
package struct CommandRecord: Hashable, Sendable {
  /// The command.
  package var command: StoredCommand
  /// What happened to it, in order.
  package var events: [CommandEvent]

  /// Names both.
  package init(command: StoredCommand, events: [CommandEvent]) {
    self.command = command
    self.events = events
  }
}

/// What a device can be told to do: the part of its profile that outlives its link.
package struct DeviceAbilities: Hashable, Sendable {
  /// Its commands.
  package var commands: [CommandDeclaration]
  /// How many it runs at a time.
  package var atOnce: Int

  /// Names both.
  package init(commands: [CommandDeclaration], atOnce: Int) {
    self.commands = commands
    self.atOnce = atOnce
  }

  /// What a profile says.
  package init(_ profile: ProfileSummary) {
    self.init(commands: profile.commands, atOnce: profile.commandsAtOnce)
  }

  /// One of its commands.
  package subscript(name: String) -> CommandDeclaration? {
    commands.first { $0.name == name }
  }
}

/// Something to be made durable.
package enum CommandChange: Hashable, Sendable {
  /// A new command.
  case new(StoredCommand)
  /// Where a command stands now.
  case status(String, CommandStatus)
  /// A line of the audit.
  case audit(AuditLine)
  /// A new rollout and its devices.
  case rollout(RolloutPlan, RolloutStatus, [RolloutPart])
  /// Where a rollout stands now.
  case rolloutStatus(String, RolloutStatus)
  /// What has become of one device of a rollout.
  case part(String, RolloutPart)
  /// What a device can be told to do; nil where it was forgotten.
  case abilities(DeviceID, DeviceAbilities?)
}

/// One line of the audit: who did what to which device, and what came of it.
package struct AuditLine: Hashable, Sendable {
  /// When.
  package var time: Timestamp
  /// Who: `device`, `broker`, or somebody.
  package var actor: String
  /// What happened, a stable word: a state of a command, `sentAgain`, `cancelRequested`,
  /// `reportRefused`…
  package var event: String
  /// To which device.
  package var device: DeviceID?
  /// About which command.
  package var command: String?
  /// About which rollout.
  package var rollout: String?
  /// Why, in words.
  package var cause: String
  /// More about it as JSON: what was ordered, what came of it.
  package var detail: JSONValue?

  /// Names all parts.
  package init(
    time: Timestamp, actor: String, event: String, device: DeviceID? = nil,
    command: String? = nil, rollout: String? = nil, cause: String, detail: JSONValue? = nil
  ) {
    self.time = time
    self.actor = actor
    self.event = event
    self.device = device
    self.command = command
    self.rollout = rollout
    self.cause = cause
    self.detail = detail
  }
}

/// A line of the audit with its number, which never changes and leaves no holes.
package struct AuditEntry: Sendable {
  /// Counts lines from 1.
  package var number: Int64
  /// The line.
  package var line: AuditLine

  /// Names both.
  package init(number: Int64, line: AuditLine) {
    self.number = number
    self.line = line
  }
}

/// Which commands to list.
package struct CommandQuery: Sendable {
  /// Of which device; nil for all.
  package var device: DeviceID?
  /// Of which rollout; nil for all.
  package var rollout: String?
  /// In which state; nil for any.
  package var state: CommandPhase?
  /// Only commands before this number.
  package var before: Int64?
  /// At most so many.
  package var limit: Int

  /// Names all parts.
  package init(
    device: DeviceID? = nil, rollout: String? = nil, state: CommandPhase? = nil,
    before: Int64? = nil, limit: Int
  ) {
    self.device = device
    self.rollout = rollout
    self.state = state
    self.before = before
    self.limit = limit
  }
}

/// Which part of the audit to read.
package struct AuditQuery: Sendable {
  /// From when on.
  package var from: Timestamp
  /// Until before when.
  package var to: Timestamp
  /// About which device; nil for all.
  package var device: DeviceID?
  /// About which command; nil for all.
  package var command: String?
  /// About which rollout; nil for all.
  package var rollout: String?
  /// Only lines after this number.
  package var after: Int64
  /// At most so many.
  package var limit: Int

  /// Names all parts.
  package init(
    from: Timestamp = .distantPast, to: Timestamp = .distantFuture, device: DeviceID? = nil,
    command: String? = nil, rollout: String? = nil, after: Int64 = 0, limit: Int
  ) {
    self.from = from
    self.to = to
    self.device = device
    self.command = command
    self.rollout = rollout
    self.after = after
    self.limit = limit
  }
}
