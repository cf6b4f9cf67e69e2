import BrokerCore
import DeviceProtocol
import Synchronization
import TelemetryModel

/// Counts the steps at which a broker can die, and has it die at one of them: from then on nothing it
/// does has any effect.
final class MortalBroker: Sendable {
  private let state: Mutex<(steps: Int, diesAt: Int)>

  /// A broker that dies at a step, counted from 1.
  init(diesAt step: Int) {
    state = Mutex((0, step))
  }

  /// A step; false where the broker is dead before it is done.
  func step() -> Bool {
    state.withLock { state in
      state.steps += 1
      return state.steps < state.diesAt
    }
  }

  var isDead: Bool { state.withLock { $0.steps >= $0.diesAt } }
}

/// What survives a broker: commands, their history and what devices can do, in memory.
final class MemoryCommandStore: Sendable {
  struct Contents {
    var commands: [StoredCommand] = []
    var audit: [AuditLine] = []
    var profiles: [DeviceID: DeviceAbilities] = [:]
  }

  let contents = Mutex(Contents())

  /// All lines about a command.
  func events(of id: String) -> [CommandEvent] {
    contents.withLock { contents in
      contents.audit.filter { $0.command == id }.compactMap { line in
        CommandEvent.kind(line.event).map {
          CommandEvent(
            kind: $0, time: line.time, cause: line.cause, actor: CommandActor(line.actor))
        }
      }
    }
  }

  var commands: [StoredCommand] { contents.withLock { $0.commands } }

  /// The store as a broker uses it while it lives.
  func opened(by broker: MortalBroker) -> Opened { Opened(store: self, broker: broker) }

  struct Opened: RolloutStore {
    let store: MemoryCommandStore
    let broker: MortalBroker

    /// Each write can be the last thing a broker does: before it is durable, and behind that.
    func write(_ changes: [CommandChange]) async throws {
      guard broker.step() else { throw StoreError.unavailable("the broker is dead") }
      store.contents.withLock { contents in
        for change in changes { MemoryCommandStore.apply(change, to: &contents) }
      }
      guard broker.step() else { throw StoreError.unavailable("the broker is dead") }
    }

    func activeCommands() -> CommandContents {
      store.contents.withLock { contents in
        CommandContents(
          commands: contents.commands.filter { !$0.status.state.isFinal },
          profiles: contents.profiles)
      }
    }

    func command(_ id: String) -> CommandRecord? {
      store.commands.first { $0.order.id == id }.map {
        CommandRecord(command: $0, events: store.events(of: id))
      }
    }

    func command(for device: DeviceID, key: String) -> CommandRecord? {
      store.commands.first { $0.order.device == device && $0.order.key == key }.map {
        CommandRecord(command: $0, events: store.events(of: $0.order.id))
      }
    }

    func commands(_ query: CommandQuery) -> [NumberedCommand] { [] }
    func audit(_ query: AuditQuery) -> [AuditEntry] { [] }
    func activeRollouts() -> [StoredRollout] { [] }
    func rollout(_ id: String) -> RolloutRecord? { nil }
    func rollouts(before: Int64?, limit: Int) -> [RolloutRecord] { [] }
    func parts(of rollout: String, after: Int64, limit: Int) -> [RolloutPartRecord] { [] }
  }

  private static func apply(_ change: CommandChange, to contents: inout Contents) {
    switch change {
    case .new(let command): contents.commands.append(command)
    case .status(let id, let status):
      for index in contents.commands.indices where contents.commands[index].order.id == id {
        contents.commands[index].status = status
      }
    case .audit(let line): contents.audit.append(line)
    case .abilities(let device, let abilities): contents.profiles[device] = abilities
    case .rollout, .rolloutStatus, .part: break
    }
  }
}
