package import DeviceProtocol
package import TelemetryModel

/// What devices have learnt of the networks they are behind, and how often the next one is to beat;
/// a pure machine in bounded memory.
///
/// A device that knows its path's limit needs no advice. One that does not is told to beat below what
/// others on the same network found, before it is cut twice itself. One voice alone can at most
/// halve the interval, so that a device which is mistaken costs its neighbours little; two that agree
/// are believed. A device that survived longer silence than others say is not theirs to advise.
package struct FleetPaths: Sendable {
  /// The constants.
  package struct Policy: Sendable {
    /// The longest interval that is allowed to a device that asks for more than the usual.
    package var longestInterval: Duration = .seconds(240)
    /// The shortest that is ever suggested.
    package var shortestInterval: Duration = .seconds(2)
    /// The share of a silence that was cut after which to beat.
    package var share = 0.5
    /// Two limits agree where one is at most so many times the other.
    package var agreement = 1.5
    /// What was heard is doubted after so long.
    package var validity: Duration = .seconds(30 * 86_400)
    /// The most networks with a known limit.
    package var networks = 1_024
    /// The most devices that are remembered of one.
    package var voices = 8

    /// The defaults above.
    package init() {}
  }

  private struct Voice: Sendable {
    var device: DeviceID
    var fail: Duration
    var at: Timestamp
  }

  private struct Network: Sendable {
    var voices: [Voice] = []
    var heardAt: Timestamp
  }

  private let policy: Policy
  private var networks: [NetworkKey: Network] = [:]

  /// Nothing known.
  package init(policy: Policy = Policy()) {
    self.policy = policy
  }

  /// How many networks have a known limit.
  package var count: Int { networks.count }

  /// Takes what a device says of its path.
  package mutating func heard(
    _ report: PathReport?, from device: DeviceID, on network: NetworkKey, now: Timestamp
  ) {
    networks[network]?.voices.removeAll { $0.device == device || now - $0.at > policy.validity }
    if let fail = report?.fail {
      var known = networks[network] ?? Network(heardAt: now)
      known.heardAt = now
      known.voices.append(Voice(device: device, fail: fail, at: now))
      if known.voices.count > policy.voices { known.voices.removeFirst() }
      networks[network] = known
    } else if networks[network]?.voices.isEmpty == true {
      networks[network] = nil
    }
    guard networks.count > policy.networks else { return }
    // A quarter at once, so that the search is not made for every arrival.
    let oldest = networks.sorted { $0.value.heardAt < $1.value.heardAt }
    for (key, _) in oldest.prefix(max(1, policy.networks / 4)) { networks[key] = nil }
  }

  /// How a device is to beat, and how long it may be silent; `usual` is the setting.
  package func heartbeat(
    for report: PathReport?, of device: DeviceID, on network: NetworkKey, usual: HeartbeatPolicy,
    now: Timestamp
  ) -> HeartbeatPolicy {
    let allowed = allowed(report, usual.interval)
    guard report?.fail == nil,
      let advised = advised(device, network, survived: report?.safe, usual.interval, now: now)
    else { return derived(allowed, usual) }
    return derived(min(allowed, advised), usual)
  }

  /// A device that has to save bytes asks for more than the usual; it gets what its path survived.
  private func allowed(_ report: PathReport?, _ usual: Duration) -> Duration {
    guard let wish = report?.interval, let safe = report?.safe, wish > usual, wish <= safe else {
      return usual
    }
    return min(wish, max(policy.longestInterval, usual))
  }

  private func advised(
    _ device: DeviceID, _ network: NetworkKey, survived safe: Duration?, _ usual: Duration,
    now: Timestamp
  ) -> Duration? {
    let fails = (networks[network]?.voices ?? []).filter { voice in
      voice.device != device && now - voice.at <= policy.validity && voice.fail > safe ?? .zero
    }.map(\.fail).sorted()
    guard let lowest = fails.first else { return nil }
    for (fail, next) in zip(fails, fails.dropFirst()) where next <= fail * policy.agreement {
      return max(fail * policy.share, policy.shortestInterval)
    }
    return max(lowest * policy.share, usual / 2)
  }

  /// Behind the interval comes what the settings leave between interval and timeout.
  private func derived(_ interval: Duration, _ usual: HeartbeatPolicy) -> HeartbeatPolicy {
    guard interval != usual.interval else { return usual }
    let left = usual.timeout - usual.interval
    let slack = left > .zero ? left : interval
    return HeartbeatPolicy(
      interval: interval,
      timeout: interval < usual.interval ? min(interval + slack, usual.timeout) : interval + slack)
  }
}

extension PathReport {
  fileprivate var fail: Duration? { FleetPaths.duration(failSeconds) }
  fileprivate var safe: Duration? { FleetPaths.duration(safeSeconds) }
  fileprivate var interval: Duration? { FleetPaths.duration(intervalSeconds) }
}

extension FleetPaths {
  /// A length of time that a device may have measured; nil for anything else.
  fileprivate static func duration(_ seconds: Double?) -> Duration? {
    guard let seconds, seconds > 0, seconds <= 1e7 else { return nil }
    return .fromSeconds(seconds)
  }
}
