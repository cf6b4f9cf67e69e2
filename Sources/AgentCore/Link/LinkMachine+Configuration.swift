package import DeviceProtocol

extension LinkMachine {
  /// What the link is told about its agent, and the constants.
  package struct Configuration: Sendable {
    /// The agent program.
    package var agent: Software
    /// Names this boot of the device.
    package var boot: String
    /// When this program was built, or some time before: no clock that is right tells less.
    package var builtAt = AgentClock.buildFloor
    /// Labels from the configuration.
    package var labels: [String: String] = [:]
    /// What the device is.
    package var profile: ProfileSummary?
    /// Whether the broker's address asks for TLS; for the transport's name in `lastLink`.
    package var isSecure: Bool
    /// The ways of carrying messages that may be tried, best first.
    package var rungs: [TransportRung] = [.compressed, .plain, .longPoll, .shortPost]
    /// Where the link goes, as far as it is known when the agent starts.
    package var path: PathKey
    /// Heartbeats, before the broker's wishes.
    package var heartbeat = HeartbeatSchedule.Policy()
    /// What is learnt of the path, and what follows.
    package var paths = PathRecord.Policy()
    /// When the path is tried on spare links, and better ways beside the present.
    package var trials = TrialPolicy()
    /// Waits between attempts.
    package var backoff = ReconnectBackoff.Policy()
    /// From the upgrade to the broker's welcome, 10 s at most.
    package var welcomeTimeout: Duration = .seconds(10)
    /// The same on a way that never led through, 2.5 s: boxes that answer 101 and then swallow what
    /// comes must not hold the agent up.
    package var echoTimeout: Duration = .milliseconds(2500)
    /// How long a link that was taken over from stays readable, 5 s.
    package var retirement: Duration = .seconds(5)
    /// How often the spool makes durable what is not yet; nil where it need not.
    package var flushInterval: Duration?
    /// How long a stopping agent waits for what is on its way to be acknowledged, 2 s.
    package var drainTimeout: Duration = .seconds(2)

    /// A configuration with the production constants.
    package init(
      agent: Software, boot: String, isSecure: Bool = false, path: PathKey = PathKey(broker: "")
    ) {
      self.agent = agent
      self.boot = boot
      self.isSecure = isSecure
      self.path = path
    }
  }

  /// When the path is tried. All moments are spread at random.
  package struct TrialPolicy: Hashable, Sendable {
    /// A spare link tries a longer silence so often at most, 24 h; nil never.
    package var probeInterval: Duration? = .seconds(86_400)
    /// Better ways of carrying messages are tried so often, 24 h; the first time after a hundredth
    /// of it, since it may have been bad luck.
    package var betterInterval: Duration = .seconds(86_400)
    /// How long the answer to a heartbeat may take on a spare link, 10 s.
    package var echoTimeout: Duration = .seconds(10)

    /// The production constants.
    package init() {}
  }
}
