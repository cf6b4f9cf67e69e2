import DeviceProtocol
import TelemetryModel

// Work begins, is stopped and ends.
extension CommandDesk {
  func canBegin(_ record: CommandRecord) -> Bool {
    guard !isClosed, running.count < configuration.atOnce else { return false }
    // What ends the agent would end the others as well.
    if running.values.contains(where: { $0.ending != .nothing }) { return false }
    return configuration.spec(record.name)?.ending ?? .nothing == .nothing || running.isEmpty
  }

  /// Begins what may begin.
  mutating func begin(at now: Moment) -> [CommandStep] {
    var steps: [CommandStep] = []
    for id in queue {
      guard let record = journal[id] else { continue }
      guard let isDue = isExpired(record, at: now) else { break }
      if isDue {
        steps += leaveOut(
          record, CommandResult(.expired, reason: "its time was over before its turn"))
      }
    }
    while let id = queue.first, let record = journal[id], isExpired(record, at: now) != nil,
      canBegin(record)
    {
      var begun = record
      begun.phase = .running
      begun.starts += 1
      do throws(SpoolFailure) {
        try journal.write([begun])
      } catch {
        // It is on the disk as waiting, and the disk must not say so once it was begun.
        let reason = "the device cannot keep its journal: \(error)"
        steps += leaveOut(record, CommandResult(.failed, reason: reason))
        continue
      }
      queue.removeFirst()
      steps += run(begun, at: now.monotonic)
    }
    return steps + tellFailure()
  }

  mutating func run(_ record: CommandRecord, at now: Duration) -> [CommandStep] {
    guard let spec = configuration.spec(record.name) else { return [] }
    running[record.id] = RunningCommand(
      ending: spec.ending, allowed: spec.timeout, began: now,
      newsInterval: configuration.newsInterval)
    return [
      .report(.began(record.id, name: record.name, start: record.starts)),
      .run(CommandJob(id: record.id, name: record.name, params: record.params)),
    ]
  }

  mutating func stop(
    _ id: String, because reason: RunningCommand.StopReason, at now: Moment
  ) -> [CommandStep] {
    guard running[id]?.stop == nil else { return [] }
    running[id]?.stop = (reason, now.monotonic + configuration.stopPatience)
    return [.stop(id)]
  }

  mutating func finish(_ id: String, _ result: CommandResult) -> [CommandStep] {
    guard var record = journal[id], record.result == nil else { return [] }
    var work = running.removeValue(forKey: id)
    let last = work?.news.last(of: id)
    queue.removeAll { $0 == id }
    let result = result.bounded
    record.phase = .finished(result)
    journal.note([record], durably: true)
    return (last.map { [.progress($0)] } ?? [])
      + [.report(.ended(id, name: record.name, result))] + tellFailure()
  }

  /// A command that waits is not done. Where it was begun by an agent before, nobody can say that
  /// nothing happened.
  mutating func leaveOut(
    _ record: CommandRecord, _ result: CommandResult
  ) -> [CommandStep] {
    guard record.starts > 0 else { return finish(record.id, result) }
    let reason = "the agent ended while it ran, and it was not begun again"
    return finish(record.id, CommandResult(.unknown, reason: reason))
  }

  mutating func tellNews(of id: String, at now: Duration) -> [CommandStep] {
    running[id]?.news.take(of: id, at: now).map { [.progress($0)] } ?? []
  }
}
