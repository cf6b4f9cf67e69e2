package import DeviceProtocol

extension DeviceSession {
  /// What the broker promises and asks of links.
  package struct Policy: Sendable {
    /// How long a link may take to say `hello`.
    package var helloTimeout: Duration = .seconds(10)
    /// How often an idle agent is to say something.
    package var heartbeatInterval: Duration = .seconds(20)
    /// How long a link may be silent before it is taken for dead.
    package var silenceTimeout: Duration = .seconds(50)
    /// How many packs may be on their way without an ack.
    package var windowMessages = 256
    /// How many bytes of packs may be on their way without an ack.
    package var windowBytes = 1 << 20
    /// The largest message taken, in bytes after inflating.
    package var maxMessageBytes = 256 << 10
    /// How long a link is still read after a newer one has taken over by `resume`.
    package var handoverTime: Duration = .seconds(5)
    /// How long a stopping link waits for the acks of what it took. A commit takes 25 ms.
    package var drainTime: Duration = .milliseconds(500)
    /// The longest silence that a spare link may announce; agents try up to 320 s.
    package var maxProbeSilence: Duration = .seconds(600)
    /// How long behind the announced silence a spare link is kept: two heartbeats over a slow path.
    package var probeSlack: Duration = .seconds(30)
    /// How many spare links a device may have at once.
    package var maxSpareLinks = 2

    /// What a device is told where nothing is known of its path.
    package var heartbeat: HeartbeatPolicy {
      HeartbeatPolicy(interval: heartbeatInterval, timeout: silenceTimeout)
    }

    /// The most ranges in an ack that is repeated.
    static let repeatedRanges = 64

    /// The defaults above.
    package init() {}
  }
}
