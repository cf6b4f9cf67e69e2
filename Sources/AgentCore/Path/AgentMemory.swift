package import TelemetryModel

/// What an agent remembers from one life to the next besides its readings: paths, and the time.
///
/// It is one line of JSON, replaced as a whole when it changes, which is seldom. A text that is
/// damaged, or of another version, is as good as none: everything in it is learnt again.
package struct AgentMemory: Hashable, Sendable {
  /// What is known of paths.
  package var paths = PathMemory()
  /// The last time the broker told, at least: no moment after it can be before it.
  package var brokerTime: Timestamp?

  /// Nothing remembered.
  package init() {}

  /// Whether something changed since that is worth a write to the disk.
  package func differs(from kept: AgentMemory) -> Bool {
    if let brokerTime, brokerTime - (kept.brokerTime ?? .distantPast) > .seconds(86_400) {
      return true
    }
    func essence(_ memory: AgentMemory) -> [PathMemory.Entry] {
      memory.paths.entries.map { entry in
        var entry = entry
        entry.record.usedAt = nil
        return entry
      }
    }
    return essence(self) != essence(kept)
  }

  /// Reads what `encoded` wrote; nil for anything else.
  package init?(decoding bytes: [UInt8]) {
    guard let value = try? JSONValue(parsing: bytes.span), value["version"]?.number == 1,
      let listed = value["paths"]?.array
    else { return nil }
    brokerTime = value["brokerTime"]?.number.map(Timestamp.init(seconds:))
    paths = PathMemory(entries: listed.compactMap(PathMemory.Entry.init))
  }

  /// The text for the file.
  package var encoded: [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.key("version")
      writer.write(1)
      if let brokerTime {
        writer.key("brokerTime")
        writer.write(brokerTime)
      }
      writer.key("paths")
      writer.array { writer in
        for entry in paths.entries {
          writer.element()
          entry.write(into: &writer)
        }
      }
    }
    return writer.bytes + [UInt8(ascii: "\n")]
  }
}

extension PathMemory.Entry {
  init?(_ value: JSONValue) {
    guard let broker = value["broker"]?.string else { return nil }
    func text(_ name: String) -> String { value[name]?.string ?? "" }
    func duration(_ name: String) -> Duration? {
      // A day is longer than anything that is learnt; absurd numbers would trap.
      value[name]?.number.flatMap { (0...864_000).contains($0) ? .seconds($0) : nil }
    }
    func time(_ name: String) -> Timestamp? {
      value[name]?.number.map(Timestamp.init(seconds:))
    }
    key = PathKey(
      interface: text("interface"), gateway: text("gateway"), proxy: text("proxy"),
      broker: broker)
    record = PathRecord()
    record.safe = duration("safe")
    record.fail = duration("fail")
    record.life = duration("life")
    record.cutSilence = duration("cutSilence")
    record.cutAge = duration("cutAge")
    record.failedProbe = duration("failedProbe")
    record.rung = value["rung"]?.string.flatMap(TransportRung.init)
    record.learntAt = time("learntAt")
    record.probedAt = time("probedAt")
    record.usedAt = time("usedAt")
  }

  func write(into writer: inout JSONWriter) {
    writer.object { writer in
      for (name, text) in [
        ("interface", key.interface), ("gateway", key.gateway), ("proxy", key.proxy),
      ] where !text.isEmpty {
        writer.key(name)
        writer.write(text)
      }
      writer.key("broker")
      writer.write(key.broker)
      let durations = [
        ("safe", record.safe), ("fail", record.fail), ("life", record.life),
        ("cutSilence", record.cutSilence), ("cutAge", record.cutAge),
        ("failedProbe", record.failedProbe),
      ]
      for case (let name, let duration?) in durations {
        writer.key(name)
        writer.write(duration)
      }
      if let rung = record.rung {
        writer.key("rung")
        writer.write(rung.rawValue)
      }
      let times = [
        ("learntAt", record.learntAt), ("probedAt", record.probedAt), ("usedAt", record.usedAt),
      ]
      for case (let name, let time?) in times {
        writer.key(name)
        writer.write(time)
      }
    }
  }
}
