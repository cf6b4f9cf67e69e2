import DeviceProtocol
package import TelemetryModel

// A spare link: no session and no presence, only the question how long the path keeps it.
extension DeviceSession {
  /// The device may have this spare link: answers `probe`, then says nothing.
  package mutating func spareOpened(now: Timestamp) -> [Action] {
    guard case .openingSpare(let request, let silence) = state else { return [] }
    state = .spare(until: now + silence + policy.probeSlack)
    return [.send(.response(id: request, .object(JSONObject())))]
  }

  /// The device has as many spare links as it may.
  package mutating func spareRefused() -> [Action] {
    guard case .openingSpare(let request, _) = state else { return [] }
    let limit = policy.maxSpareLinks
    let error = RPCError(
      .limitExceeded, "a device may have \(limit) spare links", limit: Double(limit))
    return [.send(.error(id: request, error))] + close(.rateLimited, "too many spare links")
  }

  mutating func receivedOnSpare(
    _ message: AgentMessage, now: Timestamp, wall: Timestamp
  ) -> [Action] {
    switch message {
    case .heartbeat(let id, let mono):
      state = .spare(until: now + policy.probeSlack)
      return heartbeatReply(id, mono, wall)
    case .probe(let id, let seconds):
      guard let silence = probeSilence(seconds) else { return refuseSilence(id) }
      state = .openingSpare(request: id, silence: silence)
      return spareOpened(now: now)
    case .unknownRequest(let id, let method):
      return [.send(.error(id: id, .unknownMethod(method)))]
    case .ignored:
      return []
    default:
      return close(.protocolError, "a spare link carries heartbeats only")
    }
  }

  func probeSilence(_ seconds: Double) -> Duration? {
    guard seconds > 0, seconds <= policy.maxProbeSilence.inSeconds else { return nil }
    return .fromSeconds(seconds)
  }

  mutating func refuseSilence(_ id: String) -> [Action] {
    let limit = policy.maxProbeSilence.inSeconds
    let error = RPCError(
      .limitExceeded, "a spare link may be silent for up to \(Int(limit)) s",
      field: "params.silence", limit: limit)
    return [.send(.error(id: id, error))] + close(.protocolError, "params.silence: out of range")
  }
}
