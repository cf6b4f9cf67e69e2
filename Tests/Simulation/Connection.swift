import AgentCore
import BrokerCore
import DeviceProtocol

/// One connection between the agent and the broker, with what the path did to it. TCP: in each
/// direction things arrive in order, or not at all.
final class Connection {
  /// The run of the agent that opened it, and the attempt it opened it for.
  let agentRun: Int
  let attempt: LinkAttempt
  /// The run of the broker that it leads to.
  let brokerRun: Int
  let began: Moment
  let isWebSocket: Bool
  var isOpenAtAgent = false
  var isOpenAtBroker = false
  /// A box on the path lost it, without telling anyone: what is sent is never heard of again.
  var isForgotten = false
  /// When something passed last, by direction.
  var passedUp: Moment
  var passedDown: Moment
  /// What is sent now arrives no sooner than what was sent before.
  var upArrival: Moment
  var downArrival: Moment
  /// The broker's side.
  var session: DeviceSession?
  var name = ""
  var generation: UInt64 = 0
  /// A newer link took over: nothing this one says or hears counts any more.
  var isFenced = false
  /// The session's next deadline for which an event is on its way.
  var wakesAt: Moment?

  init(
    agentRun: Int, attempt: LinkAttempt, brokerRun: Int, isWebSocket: Bool, at now: Moment
  ) {
    self.agentRun = agentRun
    self.attempt = attempt
    self.brokerRun = brokerRun
    self.isWebSocket = isWebSocket
    began = now
    passedUp = now
    passedDown = now
    upArrival = now
    downArrival = now
  }
}

/// What an agent sends: a message, or a pack with the reading in it.
enum Uplink {
  case message(AgentMessage)
  case pack(sequence: UInt64, lane: Lane, reading: Int)
}
