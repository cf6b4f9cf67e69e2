package import TelemetryModel

/// What an agent says first on every link. Who it is comes from its authentication, never from here.
package struct Hello: Hashable, Sendable {
  /// The agent program.
  package var agent: Software
  /// Names this boot of the device; empty where the agent does not know.
  package var boot: String
  /// Names the spool: a new one exactly when sequence numbers restart at 1.
  package var epoch: String
  /// Which packs of the epoch the agent knows to be acknowledged.
  package var acked: SequenceRanges
  /// The device's clocks.
  package var clock: ClockReport?
  /// What the device is and can do.
  package var profile: ProfileSummary?
  /// The device's labels, as configured on it.
  package var labels: [String: String]
  /// How the link before this one ended.
  package var lastLink: LinkEnd?
  /// The session that this link takes over while its old link still works (make before break):
  /// the broker then leaves the old link readable for a moment instead of closing it with 4503.
  package var resume: String?
  /// What the agent has learnt of the path this link takes.
  package var path: PathReport?

  /// A first message.
  package init(
    agent: Software, boot: String, epoch: String, acked: SequenceRanges = SequenceRanges(),
    clock: ClockReport? = nil, profile: ProfileSummary? = nil, labels: [String: String] = [:],
    lastLink: LinkEnd? = nil, resume: String? = nil, path: PathReport? = nil
  ) {
    self.agent = agent
    self.boot = boot
    self.epoch = epoch
    self.acked = acked
    self.clock = clock
    self.profile = profile
    self.labels = labels
    self.lastLink = lastLink
    self.resume = resume
    self.path = path
  }

  init(_ fields: Fields) throws(ProtocolError) {
    agent = try Software(try fields.object("agent"))
    boot = try fields.optionalToken("boot") ?? ""
    epoch = try fields.token("epoch")
    acked = try fields.optionalRanges("acked") ?? SequenceRanges()
    clock = try fields.optionalObject("clock").map(ClockReport.init)
    profile = try fields.optionalObject("profile").map(ProfileSummary.init)
    labels = try fields.labels("labels")
    lastLink = try fields.optionalObject("lastLink").map(LinkEnd.init)
    resume = try fields.optionalToken("resume")
    path = try fields.optionalObject("path").map(PathReport.init)
  }

  func write(into writer: inout JSONWriter) {
    writer.object { writer in
      writer.key("agent")
      agent.write(into: &writer)
      writer.key("boot")
      writer.write(boot)
      writer.key("epoch")
      writer.write(epoch)
      writer.key("acked")
      acked.write(into: &writer)
      if let clock {
        writer.key("clock")
        clock.write(into: &writer)
      }
      if let profile {
        writer.key("profile")
        profile.write(into: &writer)
      }
      writer.key("labels")
      writer.object { writer in
        for (key, value) in labels.sorted(by: { $0.key < $1.key }) {
          writer.key(key)
          writer.write(value)
        }
      }
      if let lastLink {
        writer.key("lastLink")
        lastLink.write(into: &writer)
      }
      writer.member("resume", resume)
      if let path {
        writer.key("path")
        path.write(into: &writer)
      }
    }
  }
}

/// A device's clocks at one moment.
package struct ClockReport: Hashable, Sendable {
  /// Its wall clock; nil where it has none.
  package var wall: Timestamp?
  /// Its monotonic clock, in seconds since some moment of its boot.
  package var monoSeconds: Double
  /// Whether its wall clock is set from a time source.
  package var synced: Bool

  /// The clocks at one moment.
  package init(wall: Timestamp?, monoSeconds: Double, synced: Bool) {
    self.wall = wall
    self.monoSeconds = monoSeconds
    self.synced = synced
  }

  init(_ fields: Fields) throws(ProtocolError) {
    wall = try fields.optionalNumber("wall").map(Timestamp.init(seconds:))
    monoSeconds = try fields.optionalNumber("mono") ?? 0
    synced = try fields.optionalBool("synced") ?? false
  }

  func write(into writer: inout JSONWriter) {
    writer.object { writer in
      if let wall {
        writer.key("wall")
        writer.write(wall)
      }
      writer.key("mono")
      writer.write(monoSeconds)
      writer.key("synced")
      writer.write(synced)
    }
  }
}

/// How a link ended, as the agent saw it; it is reported on the next link.
package struct LinkEnd: Hashable, Sendable {
  /// A stable word, such as `idle-cut`, `reset`, `no-route`.
  package var cause: String
  /// How long the link lived, in seconds.
  package var livedSeconds: Double?
  /// How long nothing had been heard when it ended, in seconds.
  package var idleSeconds: Double?
  /// The close code received, if one was.
  package var closeCode: Int?
  /// How the messages were carried: `wss`, `ws`, `post`…
  package var transport: String?
  /// The proxy on the path, if there was one.
  package var proxy: String?

  /// The end of a link.
  package init(
    cause: String, livedSeconds: Double? = nil, idleSeconds: Double? = nil, closeCode: Int? = nil,
    transport: String? = nil, proxy: String? = nil
  ) {
    self.cause = cause
    self.livedSeconds = livedSeconds
    self.idleSeconds = idleSeconds
    self.closeCode = closeCode
    self.transport = transport
    self.proxy = proxy
  }

  init(_ fields: Fields) throws(ProtocolError) {
    cause = try fields.string("cause", maxBytes: ProtocolLimits.maxWordBytes)
    livedSeconds = try fields.optionalNumber("lived")
    idleSeconds = try fields.optionalNumber("idle")
    closeCode = try fields.optionalInteger("closeCode", in: 0...65_535)
    transport = try fields.optionalString("transport", maxBytes: ProtocolLimits.maxWordBytes)
    proxy = try fields.optionalString("proxy", maxBytes: ProtocolLimits.maxTextBytes)
  }

  func write(into writer: inout JSONWriter) {
    writer.object { writer in
      writer.key("cause")
      writer.write(cause)
      writer.member("lived", livedSeconds)
      writer.member("idle", idleSeconds)
      writer.member("closeCode", closeCode)
      writer.member("transport", transport)
      writer.member("proxy", proxy)
    }
  }
}
