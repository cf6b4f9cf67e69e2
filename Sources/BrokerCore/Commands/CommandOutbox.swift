import DeviceProtocol
import TelemetryModel

/// What is to be done, in order, each behind the changes that have to be durable first.
struct CommandOutbox: Sendable {
  /// Something to be done once what stands before it is durable.
  enum Effect: Sendable {
    case act(CommandBook.Action)
    /// Tell an agent that the end of its command is durable.
    case confirm(String, any DeviceLinkHandle)
    /// Tell whoever ordered a command that it is durable.
    case ordered(String, CheckedContinuation<Bool, Never>)
    /// Tell somebody that what was asked is durable.
    case done(CheckedContinuation<Void, Never>)

    /// Which command it is about.
    var command: String? {
      switch self {
      case .act(.send(_, .command(_, let request))): request.command
      case .act(.send(_, .cancelCommand(_, let id))): id
      case .act(.changed(let id, _, _)), .act(.progressed(let id, _, _)): id
      case .ordered(let id, _): id
      default: nil
      }
    }
  }

  struct Entry: Sendable {
    var changes: [CommandChange] = []
    var effects: [Effect] = []
  }

  private var entries: [Entry] = []

  var isEmpty: Bool { entries.isEmpty }

  /// Adds actions that belong together, and what is to follow them.
  mutating func add(_ actions: [CommandBook.Action], then effects: [Effect] = []) {
    var entry = Entry()
    for action in actions {
      if case .write(let changes) = action {
        entry.changes += changes
      } else {
        entry.effects.append(.act(action))
      }
    }
    entry.effects += effects
    guard !entry.changes.isEmpty || !entry.effects.isEmpty else { return }
    entries.append(entry)
  }

  mutating func add(_ changes: [CommandChange]) {
    entries.append(Entry(changes: changes))
  }

  /// Everything that waits.
  mutating func take() -> [Entry] {
    defer { entries = [] }
    return entries
  }

  /// Puts entries back that could not be written.
  mutating func putBack(_ older: [Entry]) {
    entries = older + entries
  }

  /// Takes everything about orders out that nobody has been told of yet.
  ///
  /// - Returns: those orders, and who waits for each.
  mutating func withdrawOrders() -> [(id: String, waiter: CheckedContinuation<Bool, Never>)] {
    var orders: [(id: String, waiter: CheckedContinuation<Bool, Never>)] = []
    for entry in entries {
      for case .ordered(let id, let waiter) in entry.effects { orders.append((id, waiter)) }
    }
    let ids = Set(orders.map(\.id))
    for index in entries.indices {
      entries[index].changes.removeAll { $0.command.map(ids.contains) ?? false }
      entries[index].effects.removeAll { $0.command.map(ids.contains) ?? false }
    }
    entries.removeAll { $0.changes.isEmpty && $0.effects.isEmpty }
    return orders
  }
}

extension CommandChange {
  /// Which command it is about.
  var command: String? {
    switch self {
    case .new(let stored): stored.order.id
    case .status(let id, _): id
    case .audit(let line): line.command
    default: nil
    }
  }
}
