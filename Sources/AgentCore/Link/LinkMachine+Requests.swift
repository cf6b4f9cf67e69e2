import DeviceProtocol
import TelemetryModel

// What the broker asks of the agent, and its answers to what the agent asked beside hello and
// heartbeats. Answers go back over the connection that the request came by.
extension LinkMachine {
  mutating func answer(
    _ request: BrokerMessage, on attempt: LinkAttempt, at now: SampleTime
  ) -> [LinkAction] {
    switch request {
    case .command(let id, let command): return commanded(id, command, on: attempt, at: now)
    case .cancelCommand(let id, let command):
      return cancelCommand(id, command, on: attempt, at: now)
    case .unknownRequest(let id, let method):
      return [.send(.response(id: id, .error(.unknownMethod(method))), on: attempt)]
    default: return []
    }
  }

  /// The broker's answer to a request that is not of the link itself.
  mutating func response(
    _ id: String, _ result: JSONValue, on attempt: LinkAttempt, at now: SampleTime
  ) -> [LinkAction] {
    // The rest are answers to questions that were not asked.
    answeredResult(id, on: attempt, at: now) ?? []
  }
}
