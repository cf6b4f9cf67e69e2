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
    /// Tell somebody whether what was asked is durable.
    case done(CheckedContinuation<Bool, Never>)

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

  /// Takes those out who wait for something to be durable; what they asked for stays.
  mutating func withdrawWaiters() -> [CheckedContinuation<Bool, Never>] {
    var waiters: [CheckedContinuation<Bool, Never>] = []
    for index in entries.indices {
      entries[index].effects.removeAll { effect in
        guard case .done(let waiter) = effect else { return false }
        waiters.append(waiter)
        return true
      }
    }
    entries.removeAll { $0.changes.isEmpty && $0.effects.isEmpty }
    return waiters
  }

  /// Takes a new rollout out; false where it is not among what waits.
  mutating func withdraw(rollout id: String) -> Bool {
    for index in entries.indices {
      let isThere = entries[index].changes.contains {
        if case .rollout(let plan, _, _) = $0 { plan.id == id } else { false }
      }
      if isThere {
        entries.remove(at: index)
        return true
      }
    }
    return false
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
