package import DeviceProtocol
package import TelemetryModel

/// The wire form of commands, the same in REST and on the live link.
package enum CommandJSON {
  /// `{command, device, name, params, state, since, created, expires, actor, attempts, …}`, as in
  /// lists: without its history, and without what it printed.
  package static func write(_ command: StoredCommand, to json: inout JSONWriter) {
    json.object { writeMembers(command, withOutput: false, to: &$0) }
  }

  /// The same with all there is: `version`, which changes with every change, `progress` while it
  /// runs, and its history as `states`.
  package static func write(_ view: CommandView, to json: inout JSONWriter) {
    let command = view.record.command
    json.object { json in
      writeMembers(command, withOutput: true, to: &json)
      json.key("version")
      json.write(view.version)
      if let news = view.news, !command.status.state.isFinal {
        json.key("progress")
        write(news, to: &json)
      }
      json.key("states")
      json.array { json in
        for event in view.record.events {
          json.element()
          write(event, to: &json)
        }
      }
    }
  }

  private static func writeMembers(
    _ command: StoredCommand, withOutput: Bool, to json: inout JSONWriter
  ) {
    let (order, status) = (command.order, command.status)
    json.key("command")
    json.write(order.id)
    json.key("device")
    json.write(order.device.string)
    json.key("name")
    json.write(order.name)
    json.key("params")
    JSONValue.object(order.params).write(into: &json)
    json.key("state")
    json.write(status.state.rawValue)
    json.key("since")
    json.write(status.since)
    json.key("created")
    json.write(order.created)
    json.key("expires")
    json.write(order.expires)
    json.key("actor")
    json.write(order.actor)
    json.key("attempts")
    json.write(status.attempts)
    if let rollout = order.rollout {
      json.key("rollout")
      json.write(rollout)
    }
    if let cancelled = status.cancelled {
      json.key("cancelRequested")
      json.object { json in
        json.key("time")
        json.write(cancelled.time)
        json.key("actor")
        json.write(cancelled.actor)
      }
    }
    if var result = status.result {
      if !withOutput { result.output = nil }
      json.key("result")
      result.json.write(into: &json)
    }
  }

  /// `{state | event, time, cause, actor}`: a state it came into, or something else that happened.
  package static func write(_ event: CommandEvent, to json: inout JSONWriter) {
    json.object { json in
      if case .state = event.kind { json.key("state") } else { json.key("event") }
      json.write(event.word)
      json.key("time")
      json.write(event.time)
      json.key("cause")
      json.write(event.cause)
      json.key("actor")
      json.write(event.actor.description)
    }
  }

  private static func write(_ news: CommandNews, to json: inout JSONWriter) {
    json.object { json in
      if let percent = news.percent {
        json.key("percent")
        json.write(percent)
      }
      if let text = news.text {
        json.key("text")
        json.write(text)
      }
      json.key("output")
      json.write(news.output)
      json.key("outputBytes")
      json.write(news.outputBytes)
    }
  }

  /// `commandState`: a command came into a state, or something else happened to it.
  package static func changed(_ command: StoredCommand, _ event: CommandEvent) -> LiveMessage {
    var message = LiveMessage(.notification("commandState")) { json in
      writeMembers(command, withOutput: true, to: &json)
      json.key("event")
      write(event, to: &json)
    }
    message.command = command.order.id
    return message
  }

  /// The same for a reader that missed some: how the command is now, what happened to it last, and how
  /// far it has come.
  static func changed(_ view: CommandView) -> LiveMessage? {
    let command = view.record.command
    guard let event = view.record.events.last else { return nil }
    var message = LiveMessage(.notification("commandState")) { json in
      writeMembers(command, withOutput: true, to: &json)
      if let news = view.news, !command.status.state.isFinal {
        json.key("progress")
        write(news, to: &json)
      }
      json.key("event")
      write(event, to: &json)
    }
    message.command = command.order.id
    return message
  }

  /// `commandProgress`, as the device said it.
  package static func progressed(_ progress: CommandProgress, of device: DeviceID) -> LiveMessage {
    var message = LiveMessage(.notification("commandProgress")) { json in
      json.key("command")
      json.write(progress.command)
      json.key("device")
      json.write(device.string)
      if let percent = progress.percent {
        json.key("percent")
        json.write(percent)
      }
      if let text = progress.text {
        json.key("text")
        json.write(text)
      }
      if let output = progress.output {
        json.key("output")
        json.write(output)
      }
    }
    message.command = progress.command
    return message
  }

  /// The result of `sendCommand`, `watchCommand` and `cancelCommand`.
  package static func result(_ id: String, _ view: CommandView) -> LiveMessage {
    var json = JSONWriter()
    write(view, to: &json)
    return LiveMessage(.result(request: id, event: "command"), body: json.bytes)
  }

  /// A line of the audit: `{number, time, actor, event, device?, command?, rollout?, cause, detail?}`.
  package static func write(_ entry: AuditEntry, to json: inout JSONWriter) {
    let line = entry.line
    json.object { json in
      json.key("number")
      json.write(entry.number)
      json.key("time")
      json.write(line.time)
      json.key("actor")
      json.write(line.actor)
      json.key("event")
      json.write(line.event)
      for (key, value) in [
        ("device", line.device?.string), ("command", line.command), ("rollout", line.rollout),
      ] {
        guard let value else { continue }
        json.key(key)
        json.write(value)
      }
      json.key("cause")
      json.write(line.cause)
      if let detail = line.detail {
        json.key("detail")
        detail.write(into: &json)
      }
    }
  }
}

/// What a running command last said of itself; kept in memory only.
package struct CommandNews: Hashable, Sendable {
  /// How much of a command's output is kept while it runs, in bytes; the newest stays.
  static let keptOutputBytes = 16 << 10

  /// How much is done, 0…100.
  package var percent: Double?
  /// What is being done, for people.
  package var text: String?
  /// The newest of what it printed.
  package var output = ""
  /// How much it printed in all, in bytes.
  package var outputBytes = 0
  /// Counts the news.
  package var count = 0

  mutating func add(_ progress: CommandProgress) {
    count += 1
    if let percent = progress.percent { self.percent = percent }
    if let text = progress.text { self.text = text }
    guard let more = progress.output else { return }
    outputBytes += more.utf8.count
    output += more
    let excess = output.utf8.count - CommandNews.keptOutputBytes
    guard excess > 0 else { return }
    // A character cut in two becomes a replacement character.
    output = String(decoding: output.utf8.dropFirst(excess), as: UTF8.self)
  }
}

/// A command as it is shown.
package struct CommandView: Sendable {
  /// The command and what happened to it.
  package var record: CommandRecord
  /// What it last said of itself, while it runs.
  package var news: CommandNews?

  /// Changes with everything that is shown.
  package var version: String { "\(record.events.count).\(news?.count ?? 0)" }
}
