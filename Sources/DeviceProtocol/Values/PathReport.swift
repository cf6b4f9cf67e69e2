import TelemetryModel

/// What an agent has learnt of the path that its link takes, for the broker's `/v1/links`.
package struct PathReport: Hashable, Sendable {
  /// Names the network, the same for every device behind it as far as the agent can tell: interface
  /// kind and gateway, never an address of the device itself.
  package var network: String
  /// The longest silence that the path survived, in seconds.
  package var safeSeconds: Double?
  /// The shortest silence that it cut, in seconds.
  package var failSeconds: Double?
  /// The age at which it cuts links, whatever they carry, in seconds.
  package var lifeSeconds: Double?
  /// The heartbeat interval in use, in seconds, before jitter.
  package var intervalSeconds: Double?

  /// Names all parts.
  package init(
    network: String, safeSeconds: Double? = nil, failSeconds: Double? = nil,
    lifeSeconds: Double? = nil, intervalSeconds: Double? = nil
  ) {
    self.network = network
    self.safeSeconds = safeSeconds
    self.failSeconds = failSeconds
    self.lifeSeconds = lifeSeconds
    self.intervalSeconds = intervalSeconds
  }

  init(_ fields: Fields) throws(ProtocolError) {
    network = try fields.string("network", maxBytes: ProtocolLimits.maxWordBytes)
    safeSeconds = try fields.optionalNumber("safe")
    failSeconds = try fields.optionalNumber("fail")
    lifeSeconds = try fields.optionalNumber("life")
    intervalSeconds = try fields.optionalNumber("interval")
  }

  func write(into writer: inout JSONWriter) {
    writer.object { writer in
      writer.key("network")
      writer.write(network)
      writer.member("safe", safeSeconds)
      writer.member("fail", failSeconds)
      writer.member("life", lifeSeconds)
      writer.member("interval", intervalSeconds)
    }
  }
}
