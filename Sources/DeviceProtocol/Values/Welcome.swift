package import TelemetryModel

/// The broker's answer to `hello`: the session, what it has already, and the limits it announces.
package struct Welcome: Hashable, Sendable {
  /// Names the session.
  package var session: String
  /// Counts the links of this device; the newest wins, older ones are fenced off.
  package var generation: UInt64
  /// The packs of the agent's epoch that are stored here.
  package var acked: SequenceRanges
  /// The broker's wall clock.
  package var now: Timestamp
  /// How often the agent must be heard.
  package var heartbeat: HeartbeatPolicy
  /// How much may be sent and not yet acknowledged.
  package var window: WindowLimits
  /// The largest message accepted, in bytes.
  package var maxMessageBytes: Int
  /// The broker program.
  package var server: Software

  /// An answer to `hello`.
  package init(
    session: String, generation: UInt64, acked: SequenceRanges, now: Timestamp,
    heartbeat: HeartbeatPolicy, window: WindowLimits,
    maxMessageBytes: Int = ProtocolLimits.maxMessageBytes, server: Software
  ) {
    self.session = session
    self.generation = generation
    self.acked = acked
    self.now = now
    self.heartbeat = heartbeat
    self.window = window
    self.maxMessageBytes = maxMessageBytes
    self.server = server
  }

  /// Reads the result of `hello`.
  ///
  /// - Throws: the first field that is missing or wrong.
  package init(json: JSONValue) throws(ProtocolError) {
    let fields = try Fields(json, path: "result")
    session = try fields.token("session")
    generation = try fields.sequence("generation")
    acked = try fields.optionalRanges("acked") ?? SequenceRanges()
    now = Timestamp(seconds: try fields.number("now"))
    heartbeat = try HeartbeatPolicy(try fields.object("heartbeat"))
    window = try WindowLimits(try fields.object("window"))
    maxMessageBytes = try fields.integer("maxMessage", in: 1...Int(Int32.max))
    server = try Software(try fields.object("server"))
  }

  func write(into writer: inout JSONWriter) {
    writer.object { writer in
      writer.key("session")
      writer.write(session)
      writer.key("generation")
      writer.write(generation)
      writer.key("acked")
      acked.write(into: &writer)
      writer.key("now")
      writer.write(now)
      writer.key("heartbeat")
      heartbeat.write(into: &writer)
      writer.key("window")
      window.write(into: &writer)
      writer.key("maxMessage")
      writer.write(maxMessageBytes)
      writer.key("server")
      server.write(into: &writer)
    }
  }
}

/// How often an agent must be heard.
package struct HeartbeatPolicy: Hashable, Sendable {
  /// The longest the agent may be silent before it beats.
  package var interval: Duration
  /// How long after the last sign of life the broker gives the link up.
  package var timeout: Duration

  /// A policy.
  package init(interval: Duration, timeout: Duration) {
    self.interval = interval
    self.timeout = timeout
  }

  init(_ fields: Fields) throws(ProtocolError) {
    interval = try fields.duration("interval")
    timeout = try fields.duration("timeout")
  }

  func write(into writer: inout JSONWriter) {
    writer.object { writer in
      writer.key("interval")
      writer.write(interval)
      writer.key("timeout")
      writer.write(timeout)
    }
  }
}

/// How much an agent may have sent without its being acknowledged.
package struct WindowLimits: Hashable, Sendable {
  /// So many packs.
  package var messages: Int
  /// So many bytes of them.
  package var bytes: Int

  /// Limits.
  package init(messages: Int, bytes: Int) {
    self.messages = messages
    self.bytes = bytes
  }

  init(_ fields: Fields) throws(ProtocolError) {
    messages = try fields.integer("messages", in: 1...Int(Int32.max))
    bytes = try fields.integer("bytes", in: 1...Int(Int32.max))
  }

  func write(into writer: inout JSONWriter) {
    writer.object { writer in
      writer.key("messages")
      writer.write(messages)
      writer.key("bytes")
      writer.write(bytes)
    }
  }
}
