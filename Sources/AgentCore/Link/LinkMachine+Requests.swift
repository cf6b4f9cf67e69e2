import DeviceProtocol
import TelemetryModel

// What the broker asks of the agent, and its answers to what the agent asked beside hello and
// heartbeats. Answers go back over the connection that the request came by.
extension LinkMachine {
  func answer(
    _ request: BrokerMessage, on attempt: LinkAttempt, at now: SampleTime
  ) -> [LinkAction] {
    switch request {
    case .command(let id, _):
      let state = CommandState(state: .rejected, reason: "this agent has no commands")
      return [.send(.response(id: id, .result(state.json)), on: attempt)]
    case .cancelCommand(let id, _):
      let error = RPCError(.notFound, "no such command is known")
      return [.send(.response(id: id, .error(error)), on: attempt)]
    case .unknownRequest(let id, let method):
      return [.send(.response(id: id, .error(.unknownMethod(method))), on: attempt)]
    default: return []
    }
  }

  /// The broker's answer to a request that is not of the link itself.
  func response(
    _ id: String, _ result: JSONValue, on attempt: LinkAttempt, at now: SampleTime
  ) -> [LinkAction] {
    // Answers to questions that were not asked.
    []
  }
}
