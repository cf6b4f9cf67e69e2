package import DeviceProtocol
package import TelemetryModel

/// What is known of one path: how long it lets a link be silent, how long it lets it live, and by
/// which way messages get through.
///
/// Two cuts after about the same silence make a limit, two at the same age a lifetime; one alone is
/// bad luck. Everything else comes from spare links (`PathProbe`).
package struct PathRecord: Hashable, Sendable {
  /// The constants; tests of real boxes shorten them.
  package struct Policy: Hashable, Sendable {
    /// The heartbeat interval where nothing is known, 20 s.
    package var interval: Duration = .seconds(20)
    /// The shortest interval on a path that survives 20 s of silence, 10 s.
    package var leastInterval: Duration = .seconds(10)
    /// The longest interval, 240 s.
    package var mostInterval: Duration = .seconds(240)
    /// Every byte and wake-up costs: silence is used up as far as the path allows.
    package var isMetered = false
    /// Nothing on a path cuts a link that was used more recently than this, 2 s.
    package var leastSilence: Duration = .seconds(2)
    /// What is taken for survived after a limit was found, unless that is hardly longer, 13 s.
    package var safeAfterCut: Duration = .seconds(13)
    /// The shortest lifetime that is learnt, 5 s.
    package var leastLife: Duration = .seconds(5)
    /// The longest silence that is tried, 320 s.
    package var mostProbed: Duration = .seconds(320)
    /// What was learnt is doubted after so long, 30 days: boxes are replaced.
    package var validity: Duration = .seconds(30 * 86_400)

    /// The production constants.
    package init() {}
  }

  /// The longest silence survived.
  package internal(set) var safe: Duration?
  /// The shortest silence that was cut.
  package internal(set) var fail: Duration?
  /// The age at which links are cut, whatever they carry.
  package internal(set) var life: Duration?
  /// The way by which messages got through last.
  package internal(set) var rung: TransportRung?
  /// When `fail` or `life` was learnt, as far as the clock was known.
  package internal(set) var learntAt: Timestamp?
  /// When the path was probed last.
  package internal(set) var probedAt: Timestamp?
  /// When the path was used last.
  package internal(set) var usedAt: Timestamp?
  /// A cut that waits for a second of its kind.
  var cutSilence: Duration?
  var cutAge: Duration?
  /// Probes in a row that were cut after this silence.
  var failedProbe: Duration?

  /// Nothing known.
  package init() {}

  /// How long a link may be silent before it must be heard, before jitter.
  package func interval(_ policy: Policy) -> Duration {
    // Without a silence that was survived, spare links alone have found the limit.
    guard let safe else { return min(policy.interval, fail.map { $0 / 2 } ?? policy.interval) }
    // A path that cuts earlier than the shortest interval needs a shorter one after all.
    let least = fail.map { min(policy.leastInterval, $0 * 0.375) } ?? policy.leastInterval
    var interval = min(max(safe * 0.75, least), policy.mostInterval)
    if fail == nil { interval = max(interval, policy.interval) }
    return policy.isMetered ? interval : min(interval, policy.interval)
  }

  /// A link was silent both ways for so long and was alive behind it.
  package mutating func survived(_ silence: Duration) {
    safe = max(safe ?? .zero, silence)
    if let fail, fail <= silence { self.fail = nil }
  }

  /// What the path did to a link, as far as one end of it shows.
  package enum Cut: Hashable, Sendable {
    /// The link was used just before: nothing to learn about silence.
    case unexplained
    /// It ended after a silence that is within the heartbeat interval.
    case idle
    /// It ended at the age at which others ended.
    case lifetime
  }

  /// The path cut a link that was up, and let a new one through at once.
  /// - Parameters:
  ///   - silence: how long the quieter direction had carried nothing.
  ///   - age: how old the link was.
  ///   - isGivenUp: nothing told of the end but unanswered heartbeats.
  ///   - interval: the heartbeat interval that was in use.
  ///   - now: the time, for what is learnt.
  ///   - policy: the constants.
  /// - Returns: what it was taken for.
  @discardableResult
  package mutating func cut(
    silence: Duration, age: Duration, isGivenUp: Bool = false, interval: Duration,
    at now: Timestamp?, _ policy: Policy
  ) -> Cut {
    let isOfSilence =
      silence >= policy.leastSilence
      && cutSilence.map { Self.agree($0, silence, within: 0.2) } ?? false
    // Boxes that bound a link's life end it audibly; what falls silent has been forgotten.
    let isForgotten = isGivenUp && silence >= policy.leastSilence
    if age >= policy.leastLife, silence * 2 < age, !isForgotten {
      let other = life ?? cutAge
      cutAge = age
      // Where both agree, it cannot be the silence if the path lets longer ones pass.
      let isHarmless = safe.map { silence <= $0 } ?? false
      if let other, Self.agree(other, age, within: 0.02),
        life != nil || !isOfSilence || isHarmless
      {
        life = min(other, age)
        learntAt = now
        return .lifetime
      }
    }
    // Longer than the interval is a machine that slept, not a path.
    guard silence >= policy.leastSilence, silence <= interval * 1.1 else { return .unexplained }
    guard isOfSilence, let other = cutSilence else {
      cutSilence = silence
      return .idle
    }
    cutSilence = nil
    let limit = min(other, silence)
    fail = min(fail ?? limit, limit)
    let careful = limit * 0.9 > policy.safeAfterCut ? policy.safeAfterCut : .zero
    safe = min(safe ?? limit, max(careful, limit / 2))
    learntAt = now
    return .idle
  }

  /// Whether an end at this age is the known lifetime's doing.
  package func isLifetime(_ age: Duration) -> Bool {
    life.map { Self.agree($0, age, within: 0.02) } ?? false
  }

  /// A link became older than the lifetime that was learnt.
  package mutating func outlived(_ age: Duration) {
    if let life, age > life * 1.1 { self.life = nil }
  }

  // MARK: Probing

  /// The silence to try next on a spare link; nil when there is nothing left to find out.
  package func nextProbe(_ policy: Policy) -> Duration? {
    if let failedProbe { return failedProbe }
    let safe = self.safe ?? policy.interval
    guard let fail else {
      let wanted = min(safe * 2, policy.mostProbed)
      return wanted > safe ? wanted : nil
    }
    // The usual interval is no lower bound before it was survived: readings may have kept the link.
    if self.safe == nil { return max(fail / 2, policy.leastSilence) }
    return fail - safe <= fail * 0.1 ? nil : (safe + fail) / 2
  }

  /// A spare link was silent for so long while the link beside it lived.
  /// - Returns: whether the same silence is to be tried once more, soon.
  package mutating func probed(
    _ silence: Duration, survived: Bool, at now: Timestamp?
  ) -> Bool {
    probedAt = now
    if survived {
      failedProbe = nil
      self.survived(silence)
      return false
    }
    guard failedProbe == silence else {
      failedProbe = silence
      return true
    }
    failedProbe = nil
    fail = silence
    learntAt = now
    return false
  }

  /// Forgets limits that are too old to be relied on.
  package mutating func age(at now: Timestamp, _ policy: Policy) {
    guard let learntAt, now - learntAt > policy.validity else { return }
    fail = nil
    life = nil
    self.learntAt = nil
  }

  private static func agree(_ a: Duration, _ b: Duration, within share: Double) -> Bool {
    let difference = a > b ? a - b : b - a
    return difference <= max(a, b) * share
  }
}

extension PathRecord {
  /// What the broker is told of the path.
  package func report(network: String, interval: Duration) -> PathReport {
    PathReport(
      network: network, safeSeconds: safe?.inSeconds, failSeconds: fail?.inSeconds,
      lifeSeconds: life?.inSeconds, intervalSeconds: interval.inSeconds)
  }
}
