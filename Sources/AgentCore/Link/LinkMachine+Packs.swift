package import TelemetryModel

/// What the agent measures, on its way through the spool.
extension LinkMachine {
  /// A new pack: it is stored, and sent where the link is up.
  package mutating func append(_ pack: [UInt8], at now: SampleTime) -> [LinkAction] {
    var actions: [LinkAction] = []
    let inFlight = queue
    let time = clock.wall(at: now)
    do throws(SpoolFailure) {
      _ = try spool.append(pack, at: time) { inFlight?.isInFlight($0) ?? false }
    } catch {
      actions.append(.report(.spoolFailed(error)))
    }
    actions += tellLosses()
    return actions + beginEpochChange(at: now.monotonic) + pump(at: now)
  }

  /// Readings of one moment: stored and sent as a pack, with their time as far as it is known.
  package mutating func append(_ records: [SenMLRecord], at now: SampleTime) -> [LinkAction] {
    guard clock.isPlausible(now.wall) else {
      return append(
        UnclockedPack.encode(records, at: now, boot: configuration.boot), at: now)
    }
    var pack: [UInt8] = []
    SenMLEncoder.encode(records, into: &pack)
    return append(pack, at: now)
  }

  /// Makes durable what was appended, and tells how worn the medium is, when it is time.
  mutating func flushIfDue(at now: Duration) -> [LinkAction] {
    var actions: [LinkAction] = []
    if let nextFlush, let interval = configuration.flushInterval, now >= nextFlush {
      self.nextFlush = now + interval
      do throws(SpoolFailure) {
        try spool.flush(.settled)
      } catch {
        actions.append(.report(.spoolFailed(error)))
      }
      actions += tellLosses() + beginEpochChange(at: now)
    }
    if let report = wear.take(spool.wear, at: now) { actions.append(.report(report)) }
    return actions
  }
}
