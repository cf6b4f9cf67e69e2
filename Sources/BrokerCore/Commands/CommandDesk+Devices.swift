package import DeviceProtocol
import Logging
package import TelemetryModel

// What devices say of commands: only of their own is it believed.
extension CommandDesk {
  func take(_ input: DeviceInputs.Input) async {
    let now = now()
    switch input {
    case .opened(let device, let generation, let link, let profile):
      links[device] = (generation, link)
      if !rollouts.isEmpty { wakeRollouts() }
      submit(book.linkOpened(device, profile: profile, now: now))
    case .closed(let device, let generation):
      guard links[device]?.generation == generation else { return }
      links[device] = nil
      book.linkClosed(device)
    case .forgotten(let device):
      submit(book.forgotten(device, now: now))
    case .response(let id, let response, let device):
      guard let actions = book.answered(id, response, from: device, now: now) else { return }
      submit(actions)
    case .progress(let progress, let device):
      guard let actions = book.progressed(progress, from: device, now: now) else {
        return refuse(.foreignCommand, progress.command, device)
      }
      news[progress.command, default: CommandNews()].add(progress)
      submit(actions)
    case .finished(let id, let report, let device, let link):
      await finished(id, report, device, link)
    }
  }

  private func finished(
    _ id: String, _ report: CommandFinished, _ device: DeviceID, _ link: any DeviceLinkHandle
  ) async {
    switch book.finished(report, from: device, now: now()) {
    case .news(let actions): submit(actions, then: [.confirm(id, link)])
    case .known: submit([], then: [.confirm(id, link)])
    case .refused(let error):
      link.send(.error(id: id, error))
      refuse(error, report.command, device)
    case .notHere: await finishedBefore(id, report, device, link)
    }
  }

  /// A report of a command that is over: repeated, or the device's own word after the broker gave up.
  private func finishedBefore(
    _ id: String, _ report: CommandFinished, _ device: DeviceID, _ link: any DeviceLinkHandle
  ) async {
    // Its end may be known, and not written yet. Not confirmed, it is told again.
    guard await settled() else { return }
    let record: CommandRecord?
    do {
      record = try await store.command(report.command)
    } catch {
      // Not confirmed, so the agent says it again.
      return
    }
    guard let record else {
      link.send(.error(id: id, .noCommand(report.command)))
      return refuse(.noCommand(report.command), report.command, device)
    }
    guard record.command.order.device == device else {
      link.send(.error(id: id, .foreignCommand))
      return refuse(.foreignCommand, report.command, device)
    }
    var life = CommandLife(
      record.command.order, status: record.command.status, policy: policy.life)
    switch life.finished(report, now: now()) {
    case .impossible:
      link.send(.error(id: id, .neverSent))
      refuse(.neverSent, report.command, device)
    case .repeated:
      submit([], then: [.confirm(id, link)])
    case .news(let event):
      let stored = StoredCommand(order: life.order, status: life.status)
      submit(
        [
          .write([.status(life.order.id, life.status), .audit(AuditLine(event, of: life))]),
          .changed(life.order.id, stored, event),
        ], then: [.confirm(id, link)])
    }
  }

  /// Writes down that a device spoke of what is not its own, as often as is useful.
  private func refuse(_ error: RPCError, _ command: String, _ device: DeviceID) {
    let now = now()
    if let last = lastRefusals[device], now - last < policy.refusalInterval { return }
    if lastRefusals.count > 10_000 { lastRefusals = [:] }
    lastRefusals[device] = now
    logger.warning(
      "A device's word on a command was refused",
      metadata: [
        "device": "\(device)", "command": "\(command.prefix(64))", "error": "\(error.message)",
      ])
    outbox.add([
      .audit(
        AuditLine(
          time: now, actor: "device", event: "reportRefused", device: device,
          command: String(command.prefix(ProtocolLimits.maxTokenBytes)), cause: error.message))
    ])
    wakeWriter()
  }
}

extension CommandDesk: DeviceCommandSink {
  /// Returns at once.
  package nonisolated func linkOpened(
    _ device: DeviceID, generation: UInt64, profile: ProfileSummary?, link: any DeviceLinkHandle
  ) {
    inputs.put(.opened(device, generation, link, profile))
  }

  /// Returns at once.
  package nonisolated func linkClosed(_ device: DeviceID, generation: UInt64) {
    inputs.put(.closed(device, generation))
  }

  /// An operator had a device forgotten. Returns at once.
  package nonisolated func forgotten(_ device: DeviceID) {
    inputs.put(.forgotten(device))
  }

  /// Returns at once.
  package nonisolated func commandResponse(
    _ id: String, _ response: RPCResponse, from device: DeviceID
  ) {
    inputs.put(.response(id, response, device))
  }

  /// Returns at once.
  package nonisolated func commandProgress(_ progress: CommandProgress, from device: DeviceID) {
    inputs.put(.progress(progress, device))
  }

  /// Returns at once.
  package nonisolated func commandFinished(
    _ id: String, _ finished: CommandFinished, from device: DeviceID,
    over link: any DeviceLinkHandle
  ) {
    inputs.put(.finished(id, finished, device, link))
  }
}
