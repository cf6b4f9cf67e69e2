package import DeviceProtocol
package import TelemetryModel

/// What is known of one device's path, and how its last links ended.
package struct DeviceLinkHistory: Sendable {
  /// How many ends are kept.
  static let maxEnds = 6

  /// The network of its last link; nil for a device that has had none since the broker started.
  package private(set) var network: NetworkKey?
  /// What it had learnt of its path when that link began.
  package private(set) var path: PathReport?
  /// Its last ends, the newest last, as the broker saw them and as the device did.
  package private(set) var ends: [ObservedLinkEnd] = []

  /// Nothing known.
  package init() {}

  mutating func arrived(_ hello: Hello, from address: String?, now: Timestamp) {
    network = NetworkKey(name: hello.path?.network, address: address)
    path = hello.path
    guard let last = hello.lastLink else { return }
    keep(
      ObservedLinkEnd(
        seenBy: .device, at: now, cause: last.cause, transport: last.transport,
        livedSeconds: last.livedSeconds, idleSeconds: last.idleSeconds, closeCode: last.closeCode))
  }

  mutating func keep(_ end: ObservedLinkEnd) {
    if ends.count == DeviceLinkHistory.maxEnds { ends.removeFirst() }
    ends.append(end)
  }
}

/// How a link ended, as one side saw it.
package struct ObservedLinkEnd: Hashable, Sendable {
  /// Who saw it.
  package var seenBy: LinkEndCounts.Observer
  /// When; for a device's own observation when it was told.
  package var at: Timestamp
  /// Why: a ``LinkEndCause``, or the device's own word.
  package var cause: String
  /// How the messages travelled.
  package var transport: String?
  /// How long the link lived, in seconds.
  package var livedSeconds: Double?
  /// How long nothing had been heard, in seconds.
  package var idleSeconds: Double?
  /// The close code, if one was sent.
  package var closeCode: Int?

  /// Names all parts.
  package init(
    seenBy: LinkEndCounts.Observer, at: Timestamp, cause: String, transport: String?,
    livedSeconds: Double?, idleSeconds: Double?, closeCode: Int?
  ) {
    self.seenBy = seenBy
    self.at = at
    self.cause = cause
    self.transport = transport
    self.livedSeconds = livedSeconds
    self.idleSeconds = idleSeconds
    self.closeCode = closeCode
  }
}
