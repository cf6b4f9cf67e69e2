import DeviceProtocol
import TelemetryModel

/// A device's row in the registry: its links and which of them may do what.
struct DeviceEntry {
  var status: DeviceStatus
  /// The newest link's.
  private(set) var generation: UInt64
  private(set) var link: (any DeviceLinkHandle)?
  /// What the newest link is named, and whose packs it carries.
  private(set) var session = ""
  private(set) var epoch = ""
  /// A link that was handed over and may still be read, with its generation.
  private(set) var older: (generation: UInt64, link: any DeviceLinkHandle)?
  var spareLinks = 0

  init(status: DeviceStatus, generation: UInt64) {
    self.status = status
    self.generation = generation
  }

  /// A device that nobody has heard of before.
  init(new device: DeviceID, now: Timestamp) {
    self.init(
      status: DeviceStatus(
        device: device, presence: .offline, since: now, cause: nil, labels: [:], agent: nil,
        link: nil),
      generation: 0)
  }

  /// Generations come from the clock (milliseconds since 1970), so that they go on over restarts
  /// without being stored; the moment at which the store last heard of the device holds them up where
  /// the clock was set back.
  static func generation(at time: Timestamp) -> UInt64 {
    UInt64(clamping: time.microseconds / 1_000)
  }

  /// Ends the present link in favour of a new one, and any older that was still read. What may change
  /// nothing any more is fenced here, under the registry's lock.
  mutating func endLinks(for hello: Hello) -> [DeviceRegistry.Attachment.Older] {
    var ended: [DeviceRegistry.Attachment.Older] = []
    if let older {
      older.link.fence.close()
      ended.append(.replaced(older.link))
    }
    older = nil
    guard let link else { return ended }
    if hello.resume == session, hello.epoch == epoch {
      older = (generation, link)
      ended.append(.handedOver(link))
    } else {
      link.fence.close()
      ended.append(.replaced(link))
    }
    return ended
  }

  /// Makes a link the device's newest.
  mutating func enter(
    _ link: any DeviceLinkHandle, session: String, hello: Hello, summary: LinkSummary,
    now: Timestamp
  ) {
    generation = max(generation + 1, DeviceEntry.generation(at: now))
    self.link = link
    self.session = session
    epoch = hello.epoch
    if status.presence == .offline { status.since = now }
    status.presence = .online
    status.cause = nil
    status.ownLabels = hello.labels
    status.agent = hello.agent
    status.link = summary
  }

  /// Every link that may still bring packs.
  var links: [any DeviceLinkHandle] { [older?.link, link].compactMap(\.self) }

  /// Takes the newest link off.
  mutating func leave(cause: LinkEndCause, now: Timestamp) {
    link = nil
    status.presence = .offline
    status.since = now
    status.cause = cause
    status.link = nil
  }

  /// Forgets a link that was handed over, if it is of that generation.
  mutating func forgetOlder(generation: UInt64) {
    if older?.generation == generation { older = nil }
  }
}
