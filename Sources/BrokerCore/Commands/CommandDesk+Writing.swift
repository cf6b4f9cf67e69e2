import DeviceProtocol
import Logging
import TelemetryModel

/// What has to be durable, and what is done once it is.
extension CommandDesk {
  func writeAll() async {
    for await _ in wakes {
      while !outbox.isEmpty {
        if await flush() { continue }
        if isStopping || Task.isCancelled { return }
        try? await Task.sleep(for: policy.retryAfter)
      }
    }
  }

  /// Writes what waits and does what stands behind it; false where the store failed.
  @discardableResult
  private func flush() async -> Bool {
    let entries = outbox.take()
    let changes = entries.flatMap(\.changes)
    if !changes.isEmpty {
      do {
        try await store.write(changes)
        isFailing = false
      } catch {
        if !isFailing {
          logger.error("Commands could not be written", metadata: ["error": "\(error)"])
        }
        isFailing = true
        outbox.putBack(entries)
        withdrawOrders()
        for waiter in outbox.withdrawWaiters() { waiter.resume(returning: false) }
        return false
      }
    }
    for entry in entries {
      for effect in entry.effects { await perform(effect) }
    }
    return true
  }

  /// Of orders that nobody was told of nothing is written, so they can be refused as if they had never
  /// been.
  private func withdrawOrders() {
    for order in outbox.withdrawOrders() {
      if let stored = book[order.id], let key = stored.order.key {
        keys[CommandKey(device: stored.order.device, key: key)] = nil
      }
      outbox.add(book.withdraw(order.id, now: now()))
      order.waiter.resume(returning: false)
    }
  }

  func submit(_ actions: [CommandBook.Action], then effects: [CommandOutbox.Effect] = []) {
    guard !actions.isEmpty || !effects.isEmpty else { return }
    outbox.add(actions, then: effects)
    wake.yield()
  }

  private func perform(_ effect: CommandOutbox.Effect) async {
    switch effect {
    case .act(.write): break
    case .act(.send(let device, let message)): links[device]?.link.send(message)
    case .act(.changed(let id, let command, let event)): await tell(id, command, event)
    case .act(.progressed(let id, let device, let progress)):
      let message = CommandJSON.progressed(progress, of: device)
      for reader in watchers[id] ?? [] { tellReader(message, reader) }
      wakeWaiters(of: id)
    case .confirm(let request, let link): link.send(.commandFinishedReply(id: request))
    case .ordered(_, let waiter): waiter.resume(returning: true)
    case .done(let waiter): waiter.resume(returning: true)
    }
  }

  private func tell(_ id: String, _ command: StoredCommand, _ event: CommandEvent) async {
    logger.debug(
      "Command changed",
      metadata: [
        "command": "\(id)", "device": "\(command.order.device)", "event": "\(event.word)",
        "cause": "\(event.cause)",
      ])
    let message = CommandJSON.changed(command, event)
    for reader in watchers[id] ?? [] { tellReader(message, reader) }
    wakeWaiters(of: id)
    if command.status.state.isFinal {
      if let rollout = command.order.rollout, rollouts[rollout] != nil {
        rollouts[rollout]?.ended(command.order.device, command.status.state)
        wakeRollouts()
      }
      news[id] = nil
      watchers[id] = nil
      if let key = command.order.key {
        keys[CommandKey(device: command.order.device, key: key)] = nil
      }
    }
    await announce(message)
  }

  /// Waits until all that has been submitted is durable and done; false where the store failed
  /// meanwhile. What was submitted stands all the same, and is written when the store takes it.
  func settled() async -> Bool {
    guard !isOver else { return false }
    return await withCheckedContinuation { submit([], then: [.done($0)]) }
  }

  /// Writes what is left, if the store takes it; whoever still waits is told that it did not happen.
  /// Devices repeat what was not confirmed.
  func end() async {
    isStopping = true
    await flush()
    for entry in outbox.take() {
      for effect in entry.effects {
        switch effect {
        case .ordered(_, let waiter): waiter.resume(returning: false)
        case .done(let waiter): waiter.resume(returning: false)
        case .act, .confirm: break
        }
      }
    }
    isOver = true
    stopWaiting()
  }
}
