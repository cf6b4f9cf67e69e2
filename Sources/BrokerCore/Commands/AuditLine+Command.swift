import DeviceProtocol
import TelemetryModel

extension AuditLine {
  /// What happened to a command. What was ordered stands with the first line, what came of it with the
  /// last; output stays with the command.
  init(_ event: CommandEvent, of life: CommandLife) {
    var detail = JSONObject()
    detail["name"] = .string(life.order.name)
    switch event.kind {
    case .state(.queued):
      detail["params"] = .object(life.order.params)
      detail["expires"] = .number(life.order.expires.seconds)
    case .state(let state) where state.isFinal:
      detail["exitCode"] = life.status.result?.exitCode.map { .number(Double($0)) }
    default: break
    }
    self.init(
      time: event.time, actor: event.actor.description, event: event.word,
      device: life.order.device, command: life.order.id, rollout: life.order.rollout,
      cause: event.cause, detail: .object(detail))
  }
}
