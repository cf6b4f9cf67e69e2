import DeviceProtocol
package import TelemetryModel

/// What people order, and take back.
extension CommandDesk {
  /// Takes an order; when this returns, it is durable.
  ///
  /// - Parameters:
  ///   - wish: what is wanted.
  ///   - device: of which device.
  ///   - actor: who wants it.
  /// - Returns: the command, and whether the order was a repeated one.
  /// - Throws: why it is not taken.
  package func order(
    _ wish: CommandWish, for device: DeviceID, by actor: String
  ) async throws(CommandRefusal) -> (view: CommandView, isRepeated: Bool) {
    if let earlier = try await earlier(wish, device) { return (earlier, true) }
    guard registry[device] != nil else { throw .unknownDevice(device) }
    let ttl = try checked(wish.ttl)
    guard !isFailing, !isOver else { throw .storeUnavailable }
    let now = now()
    let order = try checked(wish, for: device, by: actor, expires: now + ttl, now: now)
    if let key = wish.key { keys[CommandKey(device: device, key: key)] = order.id }
    let actions = book.order(order, now: now)
    let isKept = await withCheckedContinuation { waiter in
      submit(actions, then: [.ordered(order.id, waiter)])
    }
    guard isKept, let view = try await view(order.id) else { throw .storeUnavailable }
    return (view, false)
  }

  /// How long an order may wait.
  func checked(_ ttl: Duration?) throws(CommandRefusal) -> Duration {
    let ttl = ttl ?? policy.ttl
    guard ttl <= policy.longestTTL else {
      throw .malformed("ttl", "expected at most \(Int(policy.longestTTL.inSeconds)) seconds")
    }
    return ttl
  }

  /// The order that a wish makes for a device, held against what the device can do.
  func checked(
    _ wish: CommandWish, for device: DeviceID, by actor: String, expires: Timestamp,
    now: Timestamp
  ) throws(CommandRefusal) -> CommandOrder {
    guard let abilities = book.abilities(of: device) else {
      throw .unknownCommand(wish.name, known: [])
    }
    let (declaration, params) = try wish.check(abilities)
    guard book.count(of: device) < policy.maxWaiting else {
      throw .tooMany(limit: policy.maxWaiting)
    }
    return CommandOrder(
      id: newID(now: now), device: device, name: wish.name, params: params, created: now,
      expires: expires, runLimit: policy.runLimit(of: declaration), actor: actor,
      rollout: wish.rollout, key: wish.key, request: wish.key == nil ? "" : wish.fingerprint)
  }

  /// The command that was ordered under the wish's key before.
  private func earlier(
    _ wish: CommandWish, _ device: DeviceID
  ) async throws(CommandRefusal) -> CommandView? {
    guard let key = wish.key else { return nil }
    guard !isFailing, !isOver else { throw .storeUnavailable }
    // Ordered a moment ago, and perhaps not written yet.
    if keys[CommandKey(device: device, key: key)] != nil {
      guard await settled() else { throw .storeUnavailable }
    }
    let found: CommandRecord?
    do {
      found = try await store.command(for: device, key: key)
    } catch {
      throw .storeUnavailable
    }
    if let found {
      guard found.command.order.request == wish.fingerprint else { throw .keyReused }
      return CommandView(record: found, news: news[found.command.order.id])
    }
    // Ordered by somebody else while the store was asked.
    guard keys[CommandKey(device: device, key: key)] != nil else { return nil }
    return try await earlier(wish, device)
  }

  /// Cancels a command, or asks its device to stop it.
  ///
  /// - Throws: where there is none, or it has ended; where the store fails, and then it is still
  ///   cancelled once the store takes it.
  package func cancel(
    _ id: String, by actor: String
  ) async throws(CommandRefusal) -> CommandView {
    guard !isFailing, !isOver else { throw .storeUnavailable }
    switch book.cancel(id, by: actor, now: now()) {
    case .done(let actions):
      submit(actions)
      guard await settled() else { throw .storeUnavailable }
      guard let view = try await view(id) else { throw .notFound(id) }
      return view
    case .notHere:
      // It may have ended just now.
      guard await settled() else { throw .storeUnavailable }
      guard let view = try await view(id) else { throw .notFound(id) }
      throw .ended(view.record.command.status.state)
    }
  }
}

/// What an order may be repeated under: its sender's own word, for that device.
struct CommandKey: Hashable {
  var device: DeviceID
  var key: String
}
