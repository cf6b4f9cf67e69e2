import DeviceProtocol
import TelemetryModel

// What answers mean.
extension HTTPSessionMachine {
  mutating func opened(
    _ answer: HTTPExchangeAnswer, at now: Duration,
    using generator: inout some RandomNumberGenerator
  ) -> [Action] {
    up.busy = nil
    guard answer.status == 200 else {
      return end(.refused(status: answer.status, retryAfter: answer.retryAfter))
    }
    let lines = answer.lines
    guard let first = lines.first, let welcome = Self.welcome(first) else {
      // A sign-in page, for instance.
      return end(.unreachable(.badHandshake, detail: "the answer to hello is no welcome"))
    }
    phase = .open(session: welcome.session)
    batchBytes = min(batchBytes, welcome.maxMessageBytes)
    up.answeredAt = now
    planPoll(acksAreDue: false, at: now, using: &generator)
    return lines.map { .deliver($0) } + pump(at: now)
  }

  private static func welcome(_ line: [UInt8]) -> Welcome? {
    guard let message = try? BrokerMessage.decode(line.span),
      case .response(_, let result) = message
    else { return nil }
    return try? Welcome(json: result)
  }

  mutating func answeredInSession(
    _ lane: HTTPLane, _ answer: HTTPExchangeAnswer, at now: Duration,
    using generator: inout some RandomNumberGenerator
  ) -> [Action] {
    switch answer.status {
    case 200, 204: return passed(lane, answer, at: now, using: &generator)
    case 408, 425, 429, 500, 502, 503, 504:
      // The box before the broker, or the broker, for once.
      let asked = answer.retryAfter.map { now + $0 } ?? .zero
      let actions = failed(
        lane, .refused(status: answer.status, retryAfter: answer.retryAfter), wasUsed: false,
        at: now, using: &generator)
      self[lane].notBefore = max(self[lane].notBefore, asked)
      return actions
    case 413 where lane == .up && halveBatch():
      up.busy = nil
      return pump(at: now)
    case 400: return end(.closed(code: CloseReason.protocolError.code, reason: "status 400"))
    case 404: return end(.closed(code: CloseReason.sessionUnknown.code, reason: "status 404"))
    case 413: return end(.closed(code: CloseReason.messageTooLarge.code, reason: "status 413"))
    default: return end(.refused(status: answer.status, retryAfter: answer.retryAfter))
    }
  }

  private mutating func passed(
    _ lane: HTTPLane, _ answer: HTTPExchangeAnswer, at now: Duration,
    using generator: inout some RandomNumberGenerator
  ) -> [Action] {
    let held = now - (self[lane].busy?.since ?? now)
    self[lane] = LaneState(answeredAt: now)
    let lines = answer.lines
    var actions: [Action] = []
    switch lane {
    case .up:
      planPoll(
        acksAreDue: lines.isEmpty && batch?.count ?? 0 > 0, at: now, using: &generator)
      batch = nil
      actions += shortRequestPassed()
    case .down:
      if let shortestCut, held >= shortestCut { (cuts, self.shortestCut) = (0, nil) }
    }
    if lines.isEmpty { actions.append(.heard) }
    for line in lines {
      if let ending = Self.closing(line) { return actions + end(ending) }
      actions.append(.deliver(line))
    }
    return actions + pump(at: now)
  }

  /// The path is well: a held request that was cut before was cut for being held.
  private mutating func shortRequestPassed() -> [Action] {
    guard let cut = doubtfulCut else { return [] }
    doubtfulCut = nil
    cuts += 1
    shortestCut = min(shortestCut ?? cut, cut)
    guard holds, cuts >= policy.mostCuts else { return [] }
    holds = false
    down.busy = nil
    return [.abandon(.down), .holdsNoMore]
  }

  /// What the session's last line says, in place of a close frame.
  private static func closing(_ line: [UInt8]) -> LinkEnding? {
    guard let message = try? BrokerMessage.decode(line.span),
      case .ignored(method: "closed") = message,
      let parameters = (try? JSONValue(parsing: line.span))?["params"],
      let code = parameters["code"]?.number.flatMap({ UInt16(exactly: $0) })
    else { return nil }
    return .closed(code: code, reason: parameters["reason"]?.string ?? "")
  }

  private mutating func planPoll(
    acksAreDue: Bool, at now: Duration, using generator: inout some RandomNumberGenerator
  ) {
    let wait = acksAreDue ? policy.ackInterval : policy.pollInterval
    nextPoll = now + .random(in: wait * 0.8...wait, using: &generator)
  }

  /// Full jitter, so that a fleet's requests that failed together are not repeated together.
  mutating func wait(
    _ lane: HTTPLane, at now: Duration, using generator: inout some RandomNumberGenerator
  ) {
    let longest = policy.retryBase * (1 << min(self[lane].failures, 10))
    self[lane].failures += 1
    self[lane].notBefore =
      now + .random(in: .zero...min(longest, policy.retryMost), using: &generator)
  }
}
