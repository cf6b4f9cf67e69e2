package import DeviceProtocol
package import TelemetryModel

/// The broker's side of one device link, as a pure machine: messages and the time go in, what is to
/// be done comes out.
///
/// ```
///                ┌─probe─► spare ──────────────────────────────────────┐
/// awaitingHello ─┴─hello─► opening ──opened──► open ─┬─► handedOver ───┼─► closed
///                                                    └─► draining ─────┘
/// ```
/// - `awaitingHello`: the link is up and has ``Policy/helloTimeout`` to say `hello` or `probe`;
///   anything else closes it with 4006.
/// - `opening`: the store is asked what it has of the device's epoch; the agent waits for the result.
/// - `open`: telemetry, gaps, heartbeats and news of commands are taken; silence longer than the
///   heartbeat's timeout closes it with 4001.
/// - `handedOver`: a newer link took over by name (`resume`). What still arrives counts, its acks
///   go over the newer link; after ``Policy/handoverTime`` it is closed with 1000.
/// - `draining`: the broker said `bye`. Nothing more is taken; acks that are due still go out, for
///   ``Policy/drainTime`` at most.
/// - `spare`: the agent measures how long the path lets a silent connection live. Nothing is said
///   until it says something.
/// - `closed`: of the session nothing comes out any more; acks of what it took go to the newer link.
///
/// `now` is a clock that never jumps; where the wall clock matters it is passed beside it.
package struct DeviceSession: Sendable {
  /// What is to be done, in order.
  package enum Action: Sendable {
    /// Look up what is stored of the hello's epoch and enter the device; then call `opened`.
    case open(Hello)
    /// Count the device's spare links; then call `spareOpened` or `spareRefused`.
    case openSpare
    /// Send a message.
    case send(BrokerMessage)
    /// Decode these bytes of the message at hand and put the pack in line.
    case submit(seq: UInt64, lane: Lane, pack: Range<Int>)
    /// Keep a gap.
    case keep(Gap)
    /// Ack these packs over the device's newest link, if that carries the same epoch.
    case forwardAck(SequenceRanges)
    /// The agent answered a request of the broker's.
    case commandResponse(id: String, RPCResponse)
    /// A command goes on.
    case commandProgress(CommandProgress)
    /// A command has ended; to be confirmed with `commandFinishedReply`.
    case commandFinished(id: String, CommandFinished)
    /// Close the link.
    case close(CloseReason, String)
  }

  enum State {
    case awaitingHello(since: Timestamp)
    case opening(request: String)
    case open
    case handedOver(until: Timestamp)
    case draining(until: Timestamp, CloseReason, String)
    case openingSpare(request: String, silence: Duration)
    case spare(until: Timestamp)
    case closed
  }

  let policy: Policy
  private let repeatsAcks: Bool
  var state: State
  /// When anything was heard of the agent.
  package private(set) var lastHeard: Timestamp
  private var silenceTimeout: Duration
  /// Packs and gaps that were taken and are not acked yet.
  private var packsInFlight = SequenceRanges()
  private var gapsInFlight = SequenceRanges()
  /// Everything acked in this session; kept only where acks are repeated.
  private var acked = SequenceRanges()
  /// The spool whose packs this link carries; nil before `hello`.
  package private(set) var epoch: String?

  /// A link that has just come up. Over a transport that may lose what it sends, `repeatsAcks` has
  /// every ack say all that was acked in the session, and every heartbeat's answer followed by one.
  package init(policy: Policy, repeatsAcks: Bool = false, now: Timestamp) {
    self.policy = policy
    self.repeatsAcks = repeatsAcks
    silenceTimeout = policy.silenceTimeout
    state = .awaitingHello(since: now)
    lastHeard = now
  }

  /// Takes a message. `wall` is the wall clock, which the agent is told; by default `now`.
  package mutating func received(
    _ message: AgentMessage, now: Timestamp, wall: Timestamp? = nil
  ) -> [Action] {
    lastHeard = now
    switch state {
    case .closed: return []
    case .awaitingHello: return receivedFirst(message, now: now)
    case .opening, .openingSpare:
      return close(.protocolError, "the answer to the first message comes before anything else")
    case .open, .handedOver: return receivedInSession(message, wall: wall ?? now)
    case .draining:
      guard case .heartbeat(let id, let mono) = message else { return [] }
      return heartbeatReply(id, mono, wall ?? now)
    case .spare: return receivedOnSpare(message, now: now, wall: wall ?? now)
    }
  }

  private mutating func receivedFirst(_ message: AgentMessage, now: Timestamp) -> [Action] {
    switch message {
    case .hello(let id, let hello):
      state = .opening(request: id)
      epoch = hello.epoch
      return [.open(hello)]
    case .probe(let id, let seconds):
      guard let silence = probeSilence(seconds) else { return refuseSilence(id) }
      state = .openingSpare(request: id, silence: silence)
      return [.openSpare]
    default:
      return close(.protocolError, "hello comes first")
    }
  }

  private mutating func receivedInSession(_ message: AgentMessage, wall: Timestamp) -> [Action] {
    switch message {
    case .hello:
      return close(.protocolError, "hello was said already")
    case .telemetry(let seq, let lane, let pack):
      packsInFlight.insert(seq)
      guard packsInFlight.count <= policy.windowMessages * 2 else {
        return close(.rateLimited, "more packs than the window allows")
      }
      return [.submit(seq: seq, lane: lane, pack: pack)]
    case .gap(let gap):
      gapsInFlight.insert(gap.range)
      return [.keep(gap)]
    case .heartbeat(let id, let mono):
      return heartbeatReply(id, mono, wall)
    case .response(let id, let response):
      return [.commandResponse(id: id, response)]
    case .commandProgress(let progress):
      return [.commandProgress(progress)]
    case .commandFinished(let id, let finished):
      return [.commandFinished(id: id, finished)]
    case .probe(let id, _):
      return [.send(.error(id: id, RPCError(.conflict, "a link with a session is no spare link")))]
    case .unknownRequest(let id, let method):
      return [.send(.error(id: id, .unknownMethod(method)))]
    case .ignored:
      return []
    }
  }

  func heartbeatReply(_ id: String, _ mono: Double, _ wall: Timestamp) -> [Action] {
    let reply = Action.send(.heartbeatReply(id: id, monoSeconds: mono, nowSeconds: wall.seconds))
    return repeatsAcks && !acked.isEmpty ? [reply, .send(.ack(acked))] : [reply]
  }

  /// Takes what the store has of the device's epoch; answers the `hello`. `heartbeat` is what suits
  /// the link's path; by default the policy's.
  package mutating func opened(
    session: String, generation: UInt64, acked: SequenceRanges,
    heartbeat: HeartbeatPolicy? = nil, server: Software, now: Timestamp, wall: Timestamp? = nil
  ) -> [Action] {
    guard case .opening(let request) = state else { return [] }
    state = .open
    lastHeard = now
    let heartbeat = heartbeat ?? policy.heartbeat
    silenceTimeout = heartbeat.timeout
    let welcome = Welcome(
      session: session, generation: generation, acked: acked, now: wall ?? now,
      heartbeat: heartbeat,
      window: WindowLimits(messages: policy.windowMessages, bytes: policy.windowBytes),
      maxMessageBytes: policy.maxMessageBytes, server: server)
    return [.send(.welcome(id: request, welcome))]
  }

  /// Takes the news that packs are durable: those of this link, or of an older one of the same epoch.
  package mutating func committed(_ ranges: SequenceRanges) -> [Action] {
    for range in ranges.ranges {
      packsInFlight.remove(range)
      gapsInFlight.remove(range)
    }
    switch state {
    case .open:
      return [.send(.ack(ackText(ranges)))]
    case .draining(_, let reason, let text):
      let ack = Action.send(.ack(ackText(ranges)))
      return isSettled ? [ack] + close(reason, text) : [ack]
    case .handedOver, .closed:
      return epoch == nil ? [] : [.forwardAck(ranges)]
    case .awaitingHello, .opening, .openingSpare, .spare:
      return []
    }
  }

  private mutating func ackText(_ ranges: SequenceRanges) -> SequenceRanges {
    guard repeatsAcks else { return ranges }
    acked.merge(ranges)
    // Both lanes of a session make few ranges; one that makes many is told the newest of them.
    guard acked.ranges.count > Policy.repeatedRanges else { return acked }
    acked = SequenceRanges(acked.ranges.suffix(Policy.repeatedRanges))
    acked.merge(ranges)
    return acked
  }

  /// Whether everything that was taken is acked.
  package var isSettled: Bool { packsInFlight.isEmpty && gapsInFlight.isEmpty }

  /// A newer link of the device took over by naming this session: what is on its way here may arrive.
  package mutating func handedOver(now: Timestamp) {
    guard case .open = state else { return }
    state = .handedOver(until: now + policy.handoverTime)
  }

  /// Whether a newer link took over in order.
  package var isHandedOver: Bool {
    if case .handedOver = state { true } else { false }
  }

  /// Ends the link once what was taken is acked, or ``Policy/drainTime`` has passed; `bye` was sent.
  package mutating func drain(
    _ reason: CloseReason, _ text: String, now: Timestamp
  ) -> [Action] {
    guard case .open = state, !isSettled else { return close(reason, text) }
    state = .draining(until: now + policy.drainTime, reason, text)
    return []
  }

  /// When ``tick(now:)`` is next to be called; nil where there is nothing to wait for.
  package var deadline: Timestamp? {
    switch state {
    case .awaitingHello(let since): since + policy.helloTimeout
    case .open: lastHeard + silenceTimeout
    case .handedOver(let until), .draining(let until, _, _), .spare(let until): until
    case .opening, .openingSpare, .closed: nil
    }
  }

  /// Closes a link whose time is over: it is silent, never said `hello`, or was left behind; does
  /// nothing before ``deadline``.
  package mutating func tick(now: Timestamp) -> [Action] {
    guard let deadline, now >= deadline else { return [] }
    switch state {
    case .awaitingHello: return close(.protocolError, "no hello in time")
    case .open: return close(.heartbeatLost, "nothing heard for too long")
    case .handedOver: return close(.normal, "handed over to a newer link")
    case .draining(_, let reason, let text): return close(reason, text)
    case .spare: return close(.normal, "the probe is over")
    case .opening, .openingSpare, .closed: return []
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

  /// Whether the session has begun and goes on.
  package var isOpen: Bool {
    if case .open = state { true } else { false }
  }

  /// Whether nothing will be done any more.
  package var isClosed: Bool {
    if case .closed = state { true } else { false }
  }
}
