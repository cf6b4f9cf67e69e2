package import TelemetryModel

/// The wire form of rollouts.
package enum RolloutJSON {
  /// `{rollout, to, name, …, state, cause, created, expires, actor, total, counts: {STATE: n}}`: the
  /// order as it was given, and where it stands.
  package static func write(_ record: RolloutRecord, to json: inout JSONWriter) {
    let plan = record.plan
    json.object { json in
      json.key("rollout")
      json.write(plan.id)
      json.key("state")
      json.write(record.status.state.rawValue)
      json.key("cause")
      json.write(record.status.cause)
      json.key("created")
      json.write(plan.created)
      json.key("expires")
      json.write(plan.expires)
      json.key("actor")
      json.write(plan.actor)
      json.key("concurrency")
      json.write(plan.concurrency)
      for member in plan.order.object?.members ?? []
      where ["to", "name", "params", "arguments", "wave", "pause"].contains(member.key) {
        json.key(member.key)
        member.value.write(into: &json)
      }
      json.key("maxFailureRate")
      if let rate = plan.maxFailureRate { json.write(rate) } else { json.writeNull() }
      json.key("total")
      json.write(record.counts.values.reduce(0, +))
      json.key("counts")
      json.object { json in
        for (state, count) in record.counts.sorted(by: { $0.key < $1.key }) {
          json.key(state)
          json.write(count)
        }
      }
    }
  }

  /// `{device, state, command?, cause?}`.
  package static func write(_ part: RolloutPartRecord, to json: inout JSONWriter) {
    json.object { json in
      json.key("device")
      json.write(part.device.string)
      json.key("state")
      json.write(part.state)
      if let command = part.command {
        json.key("command")
        json.write(command)
      }
      if let cause = part.cause {
        json.key("cause")
        json.write(cause)
      }
    }
  }
}
