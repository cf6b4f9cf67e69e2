import TestValues

/// What lies between one agent and its broker: drawn from the seed, the same for a whole run.
struct Terrain: CustomStringConvertible {
  /// What a box on the path does to a link that was silent too long.
  enum IdleEnding: CaseIterable {
    /// Both sides get a FIN.
    case closed
    /// Both sides get a RST.
    case reset
    /// The agent gets a FIN, the broker's side stays open: a proxy that keeps it.
    case closedToAgent
    /// Nobody is told; what comes later is lost.
    case forgotten
  }

  /// Which direction's silence counts.
  enum Direction: CaseIterable {
    case either
    case fromBroker
    case fromAgent
  }

  /// One way, without jitter, in seconds.
  var latency: Double
  /// The silence that ends a link, in seconds; nil for none.
  var idleLimit: Double?
  var idleEnding = IdleEnding.closed
  var direction = Direction.either
  /// The age that ends a link, in seconds.
  var lifetime: Double?
  /// Whether WebSockets are answered with 101 and then swallowed, or not upgraded at all.
  var swallowsFrames = false
  var stripsUpgrade = false
  /// Resets without a reason, an hour.
  var resetsAnHour = 0.0
  /// Times in which every packet is lost, an hour, and their longest.
  var outagesAnHour = 0.0
  var longestOutage = 0.0
  /// Crashes of each side, an hour.
  var agentCrashesAnHour = 0.0
  var brokerCrashesAnHour = 0.0
  /// Seconds between readings.
  var readingInterval: Double
  /// Whether the device pays for every byte.
  var isMetered = false
  /// Seconds between writes of what waits to the disk.
  var flushInterval = 60.0
  /// The most packs that the agent keeps.
  var spoolPacks = 100_000

  init(using random: inout Seeded) {
    latency = random.spread(0.001...1.5)
    readingInterval = random.spread(10...3600)
    flushInterval = random.spread(5...300)
    isMetered = random.percent(60)
    if random.percent(65) {
      idleLimit = random.spread(4...900)
      idleEnding = IdleEnding.allCases.randomElement(using: &random) ?? .closed
      direction = Direction.allCases.randomElement(using: &random) ?? .either
    }
    if random.percent(15) { lifetime = random.spread(30...7200) }
    switch Int.random(in: 0..<100, using: &random) {
    case 0..<8: swallowsFrames = true
    case 8..<16: stripsUpgrade = true
    default: break
    }
    // A third of all paths are calm, so that what is learnt there can be held against them.
    guard random.percent(66) else { return }
    resetsAnHour = random.spread(0.01...6)
    outagesAnHour = random.spread(0.01...3)
    longestOutage = random.spread(1...1800)
    agentCrashesAnHour = random.spread(0.01...2)
    brokerCrashesAnHour = random.spread(0.01...2)
    if random.percent(20) { spoolPacks = Int.random(in: 2...50, using: &random) }
  }

  /// Whether nothing but the path's own limits ends a link.
  var isCalm: Bool {
    resetsAnHour == 0 && outagesAnHour == 0 && agentCrashesAnHour == 0 && brokerCrashesAnHour == 0
  }

  var description: String {
    var words = ["latency \(latency) s", "a reading every \(readingInterval) s"]
    if let idleLimit {
      words.append("idle limit \(idleLimit) s (\(direction), \(idleEnding))")
    }
    if let lifetime { words.append("lifetime \(lifetime) s") }
    if swallowsFrames { words.append("swallows frames") }
    if stripsUpgrade { words.append("strips upgrades") }
    if isMetered { words.append("metered") }
    if isCalm {
      words.append("calm")
    } else {
      words.append(
        """
        an hour: \(resetsAnHour) resets, \(outagesAnHour) outages up to \(longestOutage) s, \
        \(agentCrashesAnHour) agent crashes, \(brokerCrashesAnHour) broker crashes; \
        spool of \(spoolPacks) packs
        """)
    }
    return words.joined(separator: ", ")
  }
}
