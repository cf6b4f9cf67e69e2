import TelemetryModel

// One command for many devices. A device's order and its place in the rollout are written together, so
// that a broker that is killed between two devices goes on with the next one.
extension CommandDesk {
  /// Takes an order for a fleet; when this returns, it is durable.
  ///
  /// - Throws: why it is not taken: also where it fits none of the devices.
  package func roll(
    out order: RolloutWish, by actor: String
  ) async throws(CommandRefusal) -> RolloutRecord {
    let ttl = try checked(order.wish.ttl)
    guard !isFailing else { throw .storeUnavailable }
    let now = now()
    let plan = RolloutPlan(
      order, id: newID(now: now), actor: actor, created: now, expires: now + ttl)
    let query = plan.query
    let devices = registry.all { query.matches(device: $0.device, labels: $0.labels) }
      .map(\.device)
    guard !devices.isEmpty else { throw .noDevice }
    let parts = try parts(plan, devices)
    let rollout = Rollout(plan, parts: parts.map { ($0.device, $0.part) })
    let line = AuditLine(
      time: now, actor: actor, event: "rollout", rollout: plan.id,
      cause: "ordered for \(devices.count) devices", detail: plan.order)
    outbox.add([.rollout(plan, rollout.status, parts), .audit(line)])
    while await !settled() {
      // As if it had never been: whoever is told so may order it again.
      guard !isOver, !outbox.withdraw(rollout: plan.id) else { throw .storeUnavailable }
    }
    // No device is asked before it is durable.
    rollouts[plan.id] = rollout
    wakeRollouts()
    guard let record = try await self.rollout(plan.id) else { throw .storeUnavailable }
    return record
  }

  /// Holds an order against each device; what fits none is refused as for one.
  private func parts(
    _ plan: RolloutPlan, _ devices: [DeviceID]
  ) throws(CommandRefusal) -> [RolloutPart] {
    var parts: [RolloutPart] = []
    var refusal: CommandRefusal?
    for device in devices {
      do throws(CommandRefusal) {
        guard let abilities = book.abilities(of: device) else {
          throw .unknownCommand(plan.wish.name, known: [])
        }
        _ = try plan.wish.check(abilities)
        parts.append(RolloutPart(device: device, part: .waiting))
      } catch {
        refusal = refusal ?? error
        parts.append(RolloutPart(device: device, part: .rejected(error.text)))
      }
    }
    if let refusal, parts.allSatisfy({ $0.part != .waiting }) { throw refusal }
    return parts
  }

  /// What somebody may do to a rollout.
  package enum RolloutAction: String, CaseIterable, Sendable {
    /// Start nothing more for now.
    case pause
    /// Go on; what failed until now is forgiven.
    case resume
    /// End it, and what is under way.
    case cancel
  }

  /// Does something to a rollout; when this returns, it is durable.
  ///
  /// - Throws: where there is none, or it is in no state for that.
  package func act(
    _ action: RolloutAction, on id: String, by actor: String
  ) async throws(CommandRefusal) -> RolloutRecord {
    guard !isFailing else { throw .storeUnavailable }
    let changes: [Rollout.Change]? =
      switch action {
      case .pause: rollouts[id]?.pause(by: actor)
      case .resume: rollouts[id]?.resume(by: actor)
      case .cancel: rollouts[id]?.cancel(by: actor)
      }
    guard let changes, !changes.isEmpty else {
      guard let record = try await rollout(id) else { throw .notFound(id) }
      throw .wrongState(record.status.state)
    }
    keep(changes, of: id, by: actor)
    if action == .cancel {
      for command in book.commands(ofRollout: id) {
        if case .done(let actions) = book.cancel(command, by: actor, now: now()) {
          submit(actions)
        }
      }
    }
    guard await settled() else { throw .storeUnavailable }
    wakeRollouts()
    guard let record = try await rollout(id) else { throw .storeUnavailable }
    return record
  }

  /// Starts what is next of every rollout.
  func stepRollouts() {
    guard !isFailing else { return }
    let now = now()
    for id in Array(rollouts.keys) {
      guard var rollout = rollouts[id] else { continue }
      let next = rollout.next(now: now) { isOnline($0) }
      rollouts[id] = rollout
      keep(next.changes, of: id, by: "broker")
      for device in next.devices { start(device, id, rollout.plan, now: now) }
      if rollouts[id]?.isOver == true { rollouts[id] = nil }
    }
  }

  private func start(_ device: DeviceID, _ id: String, _ plan: RolloutPlan, now: Timestamp) {
    do throws(CommandRefusal) {
      var wish = plan.wish
      wish.rollout = id
      let order = try checked(wish, for: device, by: plan.actor, expires: plan.expires, now: now)
      submit(
        [.write([.part(id, RolloutPart(device: device, part: .ordered(command: order.id)))])]
          + book.order(order, now: now))
    } catch {
      // One that has too much to do has its turn later.
      var reason: String? = error.text
      if case .tooMany = error { reason = nil }
      keep(rollouts[id]?.refused(device, reason) ?? [], of: id, by: "broker")
    }
  }

  private func keep(_ changes: [Rollout.Change], of id: String, by actor: String) {
    guard !changes.isEmpty else { return }
    outbox.add(
      changes.flatMap { change -> [CommandChange] in
        switch change {
        case .part(let device, let part):
          return [.part(id, RolloutPart(device: device, part: part))]
        case .state(let status):
          let line = AuditLine(
            time: now(), actor: actor, event: "rollout.\(status.state.rawValue)", rollout: id,
            cause: status.cause)
          return [.rolloutStatus(id, status), .audit(line)]
        }
      })
    wakeWriter()
  }

  // MARK: - Views

  /// One rollout; nil where there is none.
  ///
  /// - Throws: where the store cannot be read.
  package func rollout(_ id: String) async throws(CommandRefusal) -> RolloutRecord? {
    do {
      return try await store.rollout(id)
    } catch {
      throw .storeUnavailable
    }
  }

  /// Rollouts, newest first.
  ///
  /// - Throws: where the store cannot be read.
  package func rollouts(
    before: Int64?, limit: Int
  ) async throws(CommandRefusal) -> [RolloutRecord] {
    do {
      return try await store.rollouts(before: before, limit: limit)
    } catch {
      throw .storeUnavailable
    }
  }

  /// A rollout's devices, in order.
  ///
  /// - Throws: where the store cannot be read.
  package func parts(
    of rollout: String, after: Int64, limit: Int
  ) async throws(CommandRefusal) -> [RolloutPartRecord] {
    do {
      return try await store.parts(of: rollout, after: after, limit: limit)
    } catch {
      throw .storeUnavailable
    }
  }
}
