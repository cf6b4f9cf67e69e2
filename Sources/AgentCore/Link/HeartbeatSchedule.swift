/// When to send heartbeats, and when to give the peer up.
///
/// A heartbeat is due once one direction was silent for the interval: boxes on the path count
/// directions apart. Any inbound byte proves life. A heartbeat that nothing answers is followed by
/// a second one, then the peer is dead: 30 s after its last byte at most.
package struct HeartbeatSchedule: Hashable, Sendable {
  /// The constants; tests of real processes shorten them.
  package struct Policy: Hashable, Sendable {
    /// The interval before jitter, 20 s.
    package var interval: Duration = .seconds(20)
    /// The shortest wait for an answer, 5 s; four times the smoothed round trip where longer.
    package var shortestTimeout: Duration = .seconds(5)
    /// From the last inbound byte to giving up, 30 s at most.
    package var detection: Duration = .seconds(30)
    /// Heartbeats without an answer before the peer is dead, 2.
    package var probes = 2

    /// The production constants.
    package init() {}

    /// The same with an interval that the broker or the path's memory wants, held between a
    /// twentieth of a second (tests) and 240 s.
    package func withInterval(_ interval: Duration) -> Policy {
      var policy = self
      policy.interval = min(max(interval, .milliseconds(50)), .seconds(240))
      // A long interval was asked for by someone who accepts a later detection.
      policy.detection = max(detection, policy.interval + shortestTimeout * probes)
      return policy
    }
  }

  /// What to do now.
  package enum Action: Hashable, Sendable {
    /// Nothing before `deadline`.
    case wait
    /// Send a heartbeat.
    case beat
    /// Give the peer up: close with 4001.
    case dead
  }

  private(set) var policy: Policy
  private var lastInbound: Duration
  private var lastOutbound: Duration
  /// How long nothing had passed when the first bytes left that nothing has answered yet.
  private var silenceBefore = Duration.zero
  /// This round's interval, with its jitter.
  private var interval: Duration
  /// The unconditional first heartbeat, which measures the round trip and spreads the fleet.
  private var firstBeat: Duration?
  private var probe: Probe?
  /// The smoothed round trip; nil before the first answer.
  package private(set) var roundTrip: Duration?

  private struct Probe: Hashable {
    var sentAt: Duration
    var count: Int
    /// An inbound byte came, so that the peer lives; its answer may still measure the round trip.
    var isProven = false
  }

  /// A schedule for a link that was established just now.
  package init(
    policy: Policy, now: Duration, using generator: inout some RandomNumberGenerator
  ) {
    self.policy = policy
    lastInbound = now
    lastOutbound = now
    interval = Self.jittered(policy.interval, using: &generator)
    firstBeat = now + .random(in: .zero...policy.interval, using: &generator)
  }

  /// Goes on by another policy, with this round's jitter kept in proportion: the path was found to allow
  /// less, or more.
  package mutating func adopt(_ changed: Policy) {
    interval = interval * (changed.interval / policy.interval)
    policy = changed
  }

  /// The moment at which `action` must be asked again.
  package var deadline: Duration {
    if let probe, !probe.isProven { return probe.sentAt + timeout }
    let silent = min(lastInbound, lastOutbound) + min(interval, latestBeat)
    return firstBeat.map { min($0, silent) } ?? silent
  }

  /// Bytes left for the peer.
  package mutating func flushed(at now: Duration) {
    if lastOutbound <= lastInbound { silenceBefore = now - lastInbound }
    lastOutbound = max(lastOutbound, now)
  }

  /// Bytes came from the peer.
  package mutating func received(at now: Duration) {
    lastInbound = max(lastInbound, now)
    probe?.isProven = true
  }

  /// How long the link had carried nothing when the path, perhaps, cut it.
  /// - Parameters:
  ///   - now: when the end was noticed.
  ///   - isGivenUp: nothing told of the end but silence: the cut was then before the first bytes
  ///     that nothing answered.
  /// - Returns: the silence.
  package func silence(at now: Duration, isGivenUp: Bool) -> Duration {
    guard lastOutbound > lastInbound else { return now - lastInbound }
    return isGivenUp ? silenceBefore : max(silenceBefore, now - lastOutbound)
  }

  /// The answer to the heartbeat that was sent last came.
  /// - Returns: the silence, both ways, that the path has let the link survive.
  @discardableResult
  package mutating func answered(at now: Duration) -> Duration {
    received(at: now)
    guard let probe else { return silenceBefore }
    // After a second heartbeat it is unknown which one is answered (Karn's algorithm, RFC 6298 §3).
    if probe.count == 1 {
      let sample = now - probe.sentAt
      roundTrip = roundTrip.map { ($0 * 7 + sample) / 8 } ?? sample
    }
    self.probe = nil
    return silenceBefore
  }

  /// What to do now; a `beat` counts as sent.
  package mutating func action(
    at now: Duration, using generator: inout some RandomNumberGenerator
  ) -> Action {
    guard now >= deadline else { return .wait }
    let unanswered = probe.flatMap { $0.isProven ? nil : $0.count } ?? 0
    guard unanswered < policy.probes else { return .dead }
    probe = Probe(sentAt: now, count: unanswered + 1)
    firstBeat = nil
    flushed(at: now)
    // The inbound direction is silent until the answer; it must not ask for a beat of its own.
    interval = Self.jittered(policy.interval, using: &generator)
    return .beat
  }

  private var timeout: Duration {
    let wanted = max(policy.shortestTimeout, (roundTrip ?? .zero) * 4)
    return min(wanted, policy.detection / (policy.probes + 1))
  }

  /// The silence after which a heartbeat must go out to leave time for all probes.
  private var latestBeat: Duration { policy.detection - timeout * policy.probes }

  private static func jittered(
    _ interval: Duration, using generator: inout some RandomNumberGenerator
  ) -> Duration {
    .random(in: interval * 0.9...interval, using: &generator)
  }
}
