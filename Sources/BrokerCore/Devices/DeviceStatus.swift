package import DeviceProtocol
package import TelemetryModel

/// What is known of a device at a moment.
package struct DeviceStatus: Hashable, Sendable {
  /// Whether a device has a link.
  package enum Presence: String, Sendable, CaseIterable {
    /// It has a link that has said `hello`.
    case online
    /// It has none.
    case offline
  }

  /// Which device.
  package var device: DeviceID
  /// Whether it is here.
  package var presence: Presence
  /// Since when; for a device not seen since the broker started, when it was last heard of.
  package var since: Timestamp
  /// Why it is offline; nil while it is online.
  package var cause: LinkEndCause?
  /// Its own labels, from its last `hello`.
  package var ownLabels: [String: String] {
    didSet { labels = ownLabels.merging(operatorLabels) { $1 } }
  }
  /// Labels that operators have set.
  package var operatorLabels: [String: String] = [:] {
    didSet { labels = ownLabels.merging(operatorLabels) { $1 } }
  }
  /// Both together; where both name a key the operators' value stands, also after the next `hello`:
  /// whoever looks after a fleet knows better where a device hangs than its image does.
  package private(set) var labels: [String: String]
  /// The agent's name and version.
  package var agent: Software?
  /// The link it has, or nil.
  package var link: LinkSummary?
  /// Set where two devices were told apart that use this name; stays until the broker restarts, or
  /// they are told apart anew after hours of peace.
  package var duplicate: DuplicateReport?
  /// Whether an operator has just had it forgotten: the last that is heard of it.
  package var isForgotten = false

  /// Names all parts; `labels` are the device's own.
  package init(
    device: DeviceID, presence: Presence, since: Timestamp, cause: LinkEndCause?,
    labels: [String: String], agent: Software?, link: LinkSummary?
  ) {
    self.device = device
    self.presence = presence
    self.since = since
    self.cause = cause
    ownLabels = labels
    self.labels = labels
    self.agent = agent
    self.link = link
  }

  /// The last that is told of a device.
  func forgotten() -> DeviceStatus {
    var status = self
    status.presence = .offline
    status.cause = .revoked
    status.link = nil
    status.isForgotten = true
    return status
  }
}

/// A link's unchanging properties.
package struct LinkSummary: Hashable, Sendable {
  /// How it travels.
  package var transport: LinkTransport
  /// The address it came from.
  package var remoteAddress: String?
  /// When it said `hello`.
  package var since: Timestamp

  /// Names all parts.
  package init(transport: LinkTransport, remoteAddress: String?, since: Timestamp) {
    self.transport = transport
    self.remoteAddress = remoteAddress
    self.since = since
  }
}
