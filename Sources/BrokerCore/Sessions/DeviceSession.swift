package import DeviceProtocol
package import TelemetryModel

/// The broker's side of one device link, as a pure machine: messages and the time go in, what is to
/// be done comes out.
///
/// ```
/// awaitingHello ──hello──► opening ──opened──► open ──► closed
/// ```
/// - `awaitingHello`: the link is up and has ``Policy/helloTimeout`` to say `hello`; anything else
///   closes it with 4006.
/// - `opening`: the store is asked what it has of the device's epoch; the agent waits for the result.
/// - `open`: telemetry, gaps and heartbeats are taken; silence longer than the heartbeat's timeout
///   closes it with 4001.
/// - `closed`: nothing comes out any more.
package struct DeviceSession: Sendable {
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

    /// The defaults above.
    package init() {}
  }

  /// What is to be done, in order.
  package enum Action: Sendable {
    /// Look up what is stored of the hello's epoch and enter the device; then call `opened`.
    case open(Hello)
    /// Send a message.
    case send(BrokerMessage)
    /// Decode these bytes of the message at hand and put the pack in line.
    case submit(seq: UInt64, pack: Range<Int>)
    /// Keep a gap.
    case keep(Gap)
    /// Close the link.
    case close(CloseReason, String)
  }

  private enum State {
    case awaitingHello(since: Timestamp)
    case opening(request: String, Hello)
    case open
    case closed
  }

  private let policy: Policy
  private var state: State
  private var lastHeard: Timestamp
  private var unacked = 0
  /// The spool whose packs this link carries; nil before `hello`.
  package private(set) var epoch: String?

  /// A link that has just been upgraded.
  package init(policy: Policy, now: Timestamp) {
    self.policy = policy
    state = .awaitingHello(since: now)
    lastHeard = now
  }

  /// Takes a message.
  package mutating func received(_ message: AgentMessage, now: Timestamp) -> [Action] {
    lastHeard = now
    switch (state, message) {
    case (.closed, _):
      return []
    case (.awaitingHello, .hello(let id, let hello)):
      state = .opening(request: id, hello)
      epoch = hello.epoch
      return [.open(hello)]
    case (.awaitingHello, _), (.opening, _):
      return close(.protocolError, "hello comes first, and its result before anything else")
    case (.open, .hello):
      return close(.protocolError, "hello was said already")
    case (.open, .telemetry(let seq, _, let pack)):
      unacked += 1
      guard unacked <= policy.windowMessages * 2 else {
        return close(.rateLimited, "more packs than the window allows")
      }
      return [.submit(seq: seq, pack: pack)]
    case (.open, .gap(let gap)):
      return [.keep(gap)]
    case (.open, .heartbeat(let id, let mono)):
      return [.send(.heartbeatReply(id: id, monoSeconds: mono, nowSeconds: now.seconds))]
    case (.open, .unknownRequest(let id, let method)):
      return [.send(.error(id: id, .unknownMethod(method)))]
    case (.open, _):
      return []
    }
  }

  /// Takes what the store has of the device's epoch; answers the `hello`.
  package mutating func opened(
    session: String, generation: UInt64, acked: SequenceRanges, server: Software, now: Timestamp
  ) -> [Action] {
    guard case .opening(let request, _) = state else { return [] }
    state = .open
    lastHeard = now
    let welcome = Welcome(
      session: session, generation: generation, acked: acked, now: now,
      heartbeat: HeartbeatPolicy(
        interval: policy.heartbeatInterval, timeout: policy.silenceTimeout),
      window: WindowLimits(messages: policy.windowMessages, bytes: policy.windowBytes),
      maxMessageBytes: policy.maxMessageBytes, server: server)
    return [.send(.welcome(id: request, welcome))]
  }

  /// Takes the news that packs are durable.
  package mutating func committed(_ ranges: SequenceRanges) -> [Action] {
    guard case .open = state else { return [] }
    unacked = max(0, unacked - Int(clamping: ranges.count))
    return [.send(.ack(ranges))]
  }

  /// When ``tick(now:)`` is next to be called; nil where there is nothing to wait for.
  package var deadline: Timestamp? {
    switch state {
    case .awaitingHello(let since): since + policy.helloTimeout
    case .opening: nil
    case .open: lastHeard + policy.silenceTimeout
    case .closed: nil
    }
  }

  /// Closes a link that is silent or never said `hello`; does nothing before ``deadline``.
  package mutating func tick(now: Timestamp) -> [Action] {
    switch state {
    case .awaitingHello(let since) where now - since >= policy.helloTimeout:
      return close(.protocolError, "no hello in time")
    case .open where now - lastHeard >= policy.silenceTimeout:
      return close(.heartbeatLost, "nothing heard for too long")
    default:
      return []
    }
  }

  /// Takes any other sign of life, such as a pong.
  package mutating func heard(now: Timestamp) {
    lastHeard = now
  }

  /// Closes the link for a reason of the broker's own.
  package mutating func close(_ reason: CloseReason, _ text: String) -> [Action] {
    guard !isClosed else { return [] }
    state = .closed
    return [.close(reason, text)]
  }

  /// Whether nothing will be done any more.
  package var isClosed: Bool {
    if case .closed = state { true } else { false }
  }
}
