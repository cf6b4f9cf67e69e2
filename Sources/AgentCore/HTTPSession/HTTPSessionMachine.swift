import DeviceProtocol
import TelemetryModel

/// The agent's side of a device session over HTTP: which request goes when, and what answers mean.
///
/// ```
///   fresh ──hello──► opening ──welcome──► open ──close──► closing ──► over
///                       └───────────────────┴──any end─────────────────►
/// ```
///
/// The session outlives its connections: a request that has no answer is made again over another one,
/// with the same messages (they are numbered, or harmless to repeat). Messages that come while one
/// request is on its way share the next. Where held requests are cut one after the other while short
/// ones pass, the session goes on with short ones alone and asks now and then.
package struct HTTPSessionMachine: Sendable {
  /// The constants.
  package struct Policy: Hashable, Sendable {
    /// The most bytes of messages in one request, unless one alone has more; 64 KiB.
    package var batchBytes = 64 << 10
    /// The wait for the answer to a short request, 10 s; brokers take 1 s at most.
    package var answerTimeout: Duration = .seconds(10)
    /// The wait for the answer to a held one, 30 s; brokers hold them for 20 s.
    package var heldTimeout: Duration = .seconds(30)
    /// Without held requests, how long after the last answer the broker is asked for messages, 5 s.
    package var pollInterval: Duration = .seconds(5)
    /// The same while acks are due, 0.5 s.
    package var ackInterval: Duration = .milliseconds(500)
    /// The longest wait before the first repetition, 0.5 s; it doubles.
    package var retryBase: Duration = .milliseconds(500)
    /// The longest wait before any, 5 s.
    package var retryMost: Duration = .seconds(5)
    /// A connection that was idle for longer is not used again, 10 s: a box may have forgotten it.
    package var reuseWithin: Duration = .seconds(10)
    /// Failures of short requests in a row that end the session here, 5.
    package var mostFailures = 5
    /// Cuts of held requests that end holding: each followed by a short one that passed, and none by
    /// one that was held for as long; 3.
    package var mostCuts = 3
    /// A request that ends earlier than this was not cut for being held, 1 s.
    package var leastHeld: Duration = .seconds(1)
    /// How long the session's orderly end may take, 2 s.
    package var closeTimeout: Duration = .seconds(2)

    /// The production constants.
    package init() {}
  }

  /// What the shell has to do, in order.
  package enum Action: Hashable, Sendable {
    /// Make a request; report `answered` or `failed`.
    case send(HTTPExchange, on: HTTPLane)
    /// Close a lane's connection and report nothing more of what was on its way there.
    case abandon(HTTPLane)
    /// A message came.
    case deliver([UInt8])
    /// The broker answered without having a message.
    case heard
    /// Held requests do not get through on this path; the session goes on without.
    case holdsNoMore
    /// It is over; nothing follows.
    case ended(LinkEnding)
  }

  enum Phase: Hashable, Sendable {
    case fresh
    case opening
    case open(session: String)
    case closing(session: String, until: Duration)
    case over
  }

  /// What is known of a lane.
  struct LaneState: Sendable {
    /// An exchange is on its way, since and until when it may be.
    var busy: (since: Duration, until: Duration)?
    /// Failures in a row.
    var failures = 0
    /// Not before this.
    var notBefore = Duration.zero
    /// When an answer came last.
    var answeredAt: Duration?
  }

  let policy: Policy
  var phase = Phase.fresh
  var up = LaneState()
  var down = LaneState()
  /// Whether the broker's messages are waited for with held requests.
  package internal(set) var holds: Bool
  var batchBytes: Int
  private var queue: [[UInt8]] = []
  /// The body of the request that is on its way or to be repeated, and how many messages it has.
  var batch: (body: [UInt8], count: Int)?
  var nextPoll: Duration?
  /// How often held requests were cut, and after what time at least.
  var cuts = 0
  var shortestCut: Duration?
  /// The last one was cut after this, and nothing has passed since that shows the path to be well.
  var doubtfulCut: Duration?

  /// A session that has not begun.
  /// - Parameters:
  ///   - holds: whether requests may be held.
  ///   - policy: the constants.
  package init(holds: Bool, policy: Policy = Policy()) {
    self.holds = holds
    self.policy = policy
    batchBytes = policy.batchBytes
  }

  /// Whether nothing will be done any more.
  package var isOver: Bool { phase == .over }

  /// The moment at which `tick` must be called; nil while only events matter.
  package var deadline: Duration? {
    var moments: [Duration?] = [up.busy?.until, down.busy?.until]
    switch phase {
    case .fresh, .opening, .over: return nil
    case .closing(_, let until): moments.append(until)
    case .open:
      if up.busy == nil {
        if batch != nil || !queue.isEmpty { moments.append(up.notBefore) }
        if !holds { moments.append(max(nextPoll ?? .zero, up.notBefore)) }
      }
      if holds, down.busy == nil { moments.append(down.notBefore) }
    }
    return moments.compactMap(\.self).min()
  }

  // MARK: Inputs

  /// The agent has a message; the first one is the hello. Others wait for the next `tick`, so that
  /// what belongs together goes together.
  package mutating func send(_ message: [UInt8], at now: Duration) -> [Action] {
    switch phase {
    case .fresh:
      phase = .opening
      up.busy = (now, .seconds(Int64.max / 4))
      return [.send(.open(message + [Self.newline]), on: .up)]
    case .open:
      queue.append(message)
      return []
    case .opening, .closing, .over: return []
    }
  }

  /// Time has passed.
  package mutating func tick(
    at now: Duration, using generator: inout some RandomNumberGenerator
  ) -> [Action] {
    if case .closing(_, let until) = phase, now >= until { return end(Self.done) }
    var actions: [Action] = []
    for lane in HTTPLane.allCases {
      guard phase != .opening, let busy = self[lane].busy, now >= busy.until else { continue }
      actions.append(.abandon(lane))
      actions += failed(lane, .timedOut(step: "answer"), wasUsed: false, at: now, using: &generator)
    }
    return actions + pump(at: now)
  }

  /// An exchange was answered.
  package mutating func answered(
    _ lane: HTTPLane, _ answer: HTTPExchangeAnswer, at now: Duration,
    using generator: inout some RandomNumberGenerator
  ) -> [Action] {
    guard self[lane].busy != nil else { return [] }
    switch phase {
    case .fresh, .over: return []
    case .opening: return opened(answer, at: now, using: &generator)
    case .open: return answeredInSession(lane, answer, at: now, using: &generator)
    case .closing(let session, _):
      self[lane].busy = nil
      // What was on its way has its answer; now the end, or that was it.
      guard batch != nil else { return end(Self.done) }
      batch = nil
      up.busy = (now, now + policy.closeTimeout)
      return [.send(.end(session: session), on: .up)]
    }
  }

  /// An exchange has no answer.
  /// - Parameters:
  ///   - lane: where.
  ///   - ending: what became of the connection, or why there is none.
  ///   - wasUsed: the connection had carried answers before: the other end may just have tired of it.
  ///   - now: the time.
  ///   - generator: where jitter comes from.
  /// - Returns: what to do.
  package mutating func failed(
    _ lane: HTTPLane, _ ending: LinkEnding, wasUsed: Bool, at now: Duration,
    using generator: inout some RandomNumberGenerator
  ) -> [Action] {
    guard let busy = self[lane].busy else { return [] }
    self[lane].busy = nil
    switch phase {
    case .fresh, .over: return []
    case .opening: return end(ending)
    case .closing: return end(Self.done)
    case .open: break
    }
    if wasUsed, now - busy.since < policy.leastHeld {
      self[lane].notBefore = now
      return pump(at: now)
    }
    wait(lane, at: now, using: &generator)
    switch lane {
    case .up:
      doubtfulCut = nil
      if up.failures >= policy.mostFailures { return end(ending) }
    case .down:
      let held = now - busy.since
      if held >= policy.leastHeld { doubtfulCut = held }
    }
    return []
  }

  /// The agent ends the session; what is on its way may get its answer. Without `isOrderly` the broker
  /// is not told: it does not hear.
  package mutating func close(isOrderly: Bool, at now: Duration) -> [Action] {
    guard case .open(let session) = phase, isOrderly else {
      return isOver ? [] : end(Self.done)
    }
    phase = .closing(session: session, until: now + policy.closeTimeout)
    down.busy = nil
    queue = []
    guard up.busy == nil else { return [.abandon(.down)] }
    batch = nil
    up.busy = (now, now + policy.closeTimeout)
    return [.abandon(.down), .send(.end(session: session), on: .up)]
  }

  // MARK: Parts

  static let done = LinkEnding.closed(code: CloseReason.normal.code, reason: "")
  static let newline = UInt8(ascii: "\n")

  subscript(lane: HTTPLane) -> LaneState {
    get { lane == .up ? up : down }
    set { if lane == .up { up = newValue } else { down = newValue } }
  }

  mutating func end(_ ending: LinkEnding) -> [Action] {
    phase = .over
    return [.abandon(.up), .abandon(.down), .ended(ending)]
  }

  /// Makes the requests that are due.
  mutating func pump(at now: Duration) -> [Action] {
    guard case .open(let session) = phase else { return [] }
    var actions: [Action] = []
    if up.busy == nil, now >= up.notBefore, let body = nextBatch(at: now) {
      actions += renew(.up, at: now)
      up.busy = (now, now + policy.answerTimeout)
      actions.append(.send(.up(session: session, body), on: .up))
    }
    if holds, down.busy == nil, now >= down.notBefore {
      actions += renew(.down, at: now)
      down.busy = (now, now + policy.heldTimeout)
      actions.append(.send(.down(session: session), on: .down))
    }
    return actions
  }

  /// Lets go of a connection that was idle for too long.
  private func renew(_ lane: HTTPLane, at now: Duration) -> [Action] {
    guard let answeredAt = self[lane].answeredAt, now - answeredAt > policy.reuseWithin else {
      return []
    }
    return [.abandon(lane)]
  }

  private mutating func nextBatch(at now: Duration) -> [UInt8]? {
    if let batch { return batch.body }
    var body: [UInt8] = []
    var count = 0
    for message in queue {
      guard count == 0 || body.count + message.count < batchBytes else { break }
      body += message
      body.append(Self.newline)
      count += 1
    }
    guard count > 0 || (!holds && now >= nextPoll ?? .zero) else { return nil }
    queue.removeFirst(count)
    batch = (body, count)
    return body
  }

  /// Puts a batch that was too large back, to go in halves.
  mutating func halveBatch() -> Bool {
    guard let batch, batch.count > 1 else { return false }
    batchBytes = max(batch.body.count / 2, 1024)
    let messages = HTTPExchangeAnswer(status: 0, body: batch.body).lines
    queue.insert(contentsOf: messages, at: 0)
    self.batch = nil
    return true
  }
}
