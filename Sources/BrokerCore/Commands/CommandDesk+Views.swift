import DeviceProtocol
package import TelemetryModel

// Commands as they are shown: always what the store holds, and of running ones their news.
extension CommandDesk {
  /// Who somebody is, as far as a broker without authentication knows: where from.
  package static func actor(at address: String?) -> String {
    "anyone at \(address ?? "nowhere")"
  }

  /// One command; nil where there is none.
  ///
  /// - Throws: where the store cannot be read.
  package func view(_ id: String) async throws(CommandRefusal) -> CommandView? {
    do {
      return try await store.command(id).map { CommandView(record: $0, news: news[id]) }
    } catch {
      throw .storeUnavailable
    }
  }

  /// One command, once it is another than `version`, is over, or `wait` is; nil where there is none.
  ///
  /// - Throws: where the store cannot be read.
  package func view(
    _ id: String, after version: String, wait: Duration
  ) async throws(CommandRefusal) -> CommandView? {
    let deadline = ContinuousClock.now + wait
    while true {
      let told = toldCount
      guard let view = try await view(id) else { return nil }
      let left = deadline - ContinuousClock.now
      guard view.version == version, !view.record.command.status.state.isFinal, left > .zero,
        !isStopping
      else { return view }
      // Something was told while it was read: perhaps this.
      if told == toldCount { await sleep(for: id, atMost: left) }
    }
  }

  private func sleep(for id: String, atMost limit: Duration) async {
    lastWaiter += 1
    let number = lastWaiter
    let alarm = Task {
      try await Task.sleep(for: limit)
      self.wakeWaiter(number, of: id)
    }
    await withCheckedContinuation { waiters[id, default: [:]][number] = $0 }
    alarm.cancel()
  }

  private func wakeWaiter(_ number: Int, of id: String) {
    guard let waiter = waiters[id]?.removeValue(forKey: number) else { return }
    if waiters[id]?.isEmpty == true { waiters[id] = nil }
    waiter.resume()
  }

  func wakeWaiters(of id: String) {
    toldCount += 1
    for waiter in (waiters.removeValue(forKey: id) ?? [:]).values { waiter.resume() }
  }

  /// Answers everybody who waits for news, because the broker stops.
  package func stopWaiting() {
    isStopping = true
    for id in Array(waiters.keys) { wakeWaiters(of: id) }
  }

  /// Commands, newest first.
  ///
  /// - Throws: where the store cannot be read.
  package func list(_ query: CommandQuery) async throws(CommandRefusal) -> [NumberedCommand] {
    do {
      return try await store.commands(query)
    } catch {
      throw .storeUnavailable
    }
  }

  /// The audit, oldest first.
  ///
  /// - Throws: where the store cannot be read.
  package func audit(_ query: AuditQuery) async throws(CommandRefusal) -> [AuditEntry] {
    do {
      return try await store.audit(query)
    } catch {
      throw .storeUnavailable
    }
  }

  /// What a device can be told to do; nil where it has not said.
  package func abilities(of device: DeviceID) -> DeviceAbilities? { book.abilities(of: device) }
}
