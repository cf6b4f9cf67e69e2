package import DeviceProtocol
package import TelemetryModel

/// Tells two devices under one name from one that reconnects, and keeps two from fighting at full
/// speed; a pure machine, one a device.
///
/// A device that restarts comes with another boot or epoch and replaces a link of its own that looks
/// alive still: that alone says nothing. But who was replaced by another identity and then comes back
/// to replace *that* one, while its link lives, is somebody else: boots never return. Where boots are
/// the same (or unknown) it takes two such returns, as an agent whose disk comes and goes changes its
/// epoch there and back once.
///
/// Both twins are served, each in its turn: who has the name keeps it for a time that doubles with
/// every return; the other is told when to come again. So a device that was taken for a twin by
/// mistake waits for minutes, not for an operator.
package struct TwinWatch: Hashable, Sendable {
  /// The constants.
  package struct Policy: Hashable, Sendable {
    /// How long it is remembered who was replaced; agents that were come back after 15 minutes.
    package var memory: Duration = .seconds(7_200)
    /// A link that was heard within this time is alive.
    package var aliveWithin: Duration = .seconds(30)
    /// How long the first of two keeps the name after the first return.
    package var shortestTurn: Duration = .seconds(10)
    /// How long it does in the end.
    package var longestTurn: Duration = .seconds(300)
    /// How often it is said of one device.
    package var reportInterval: Duration = .seconds(3_600)

    /// The defaults above.
    package init() {}
  }

  /// What an agent says of itself that one device never has twice at a time.
  package struct Identity: Hashable, Sendable {
    /// This boot; empty where unknown.
    package var boot: String
    /// The spool.
    package var epoch: String

    /// What a hello says.
    package init(_ hello: Hello) {
      boot = hello.boot
      epoch = hello.epoch
    }

    /// Whether both know their boots, and these differ.
    func hasOtherBoot(than other: Identity) -> Bool {
      !boot.isEmpty && !other.boot.isEmpty && boot != other.boot
    }
  }

  /// The link that has the name when another arrives.
  package struct Present: Sendable {
    var identity: Identity
    var since: Timestamp
    var lastHeard: Timestamp

    /// Names all parts, in the time of a clock that never jumps.
    package init(identity: Identity, since: Timestamp, lastHeard: Timestamp) {
      self.identity = identity
      self.since = since
      self.lastHeard = lastHeard
    }
  }

  /// The most identities that are remembered; three devices under one name are found like two.
  static let maxDisplaced = 4
  /// What makes a pair of twins.
  private static let proof = 2

  private var displaced: [Displaced] = []
  private var evidence = 0
  private var returns = 0
  private var lastReturn: Timestamp?
  private var lastReport: Timestamp?

  private struct Displaced: Hashable {
    var identity: Identity
    var at: Timestamp
  }

  /// Nothing suspected.
  package init() {}

  /// Whether nothing is remembered that matters.
  package var isIdle: Bool { displaced.isEmpty && lastReturn == nil }

  /// How long an arrival has to wait because another device has its turn; nil where it is let in.
  package func wait(
    of arriving: Identity, for present: Present, now: Timestamp, _ policy: Policy
  ) -> Duration? {
    guard isProven(now, policy), isOther(arriving, present, now, policy) else { return nil }
    // 2^5 turns are longer than the longest by default; the bound keeps the shift a number.
    let turn = min(policy.shortestTurn * (1 << min(returns - 1, 16)), policy.longestTurn)
    let left = present.since + turn - now
    return left > .zero ? left : nil
  }

  /// What an arrival that was let in says.
  package enum Finding: Hashable, Sendable {
    /// Nothing that is to be told.
    case none
    /// There are two; it was told within ``Policy/reportInterval``.
    case twins
    /// There are two, and this is to be told.
    case newTwins
  }

  /// Takes note of an arrival that replaces `present` and does not name its session.
  package mutating func arrived(
    _ arriving: Identity, replacing present: Present, now: Timestamp, _ policy: Policy
  ) -> Finding {
    displaced.removeAll { now - $0.at > policy.memory }
    if let lastReturn, now - lastReturn > policy.memory { self = TwinWatch() }
    guard isOther(arriving, present, now, policy) else { return .none }
    let isReturn = displaced.contains { $0.identity == arriving }
    displaced.removeAll { $0.identity == arriving || $0.identity == present.identity }
    displaced.append(Displaced(identity: present.identity, at: now))
    if displaced.count > TwinWatch.maxDisplaced { displaced.removeFirst() }
    guard isReturn else { return .none }
    evidence += arriving.hasOtherBoot(than: present.identity) ? TwinWatch.proof : 1
    returns += 1
    lastReturn = now
    guard isProven(now, policy) else { return .none }
    if let lastReport, now - lastReport < policy.reportInterval { return .twins }
    lastReport = now
    return .newTwins
  }

  private func isProven(_ now: Timestamp, _ policy: Policy) -> Bool {
    guard let lastReturn else { return false }
    return evidence >= TwinWatch.proof && now - lastReturn <= policy.memory
  }

  private func isOther(
    _ arriving: Identity, _ present: Present, _ now: Timestamp, _ policy: Policy
  ) -> Bool {
    arriving != present.identity && now - present.lastHeard <= policy.aliveWithin
  }
}

/// Two devices under one name, as the device's status shows it.
package struct DuplicateReport: Hashable, Sendable {
  /// When they were told apart.
  package var since: Timestamp
  /// When one of them last took the name back.
  package var last: Timestamp
  /// How often one did.
  package var times: Int
  /// Where the last two came from, the one that has the name first; nil for an address unknown.
  package var addresses: [String?]

  /// Names all parts.
  package init(since: Timestamp, last: Timestamp, times: Int, addresses: [String?]) {
    self.since = since
    self.last = last
    self.times = times
    self.addresses = addresses
  }
}
