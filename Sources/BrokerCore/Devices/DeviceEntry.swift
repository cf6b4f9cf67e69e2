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
  /// What the newest link's agent says of itself, and when it arrived by the clock that never jumps.
  private var identity: TwinWatch.Identity?
  private var arrived = Timestamp.distantPast
  private var twins = TwinWatch()
  /// What is known of the device's path and the last ends of its links.
  var history = DeviceLinkHistory()

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

  /// How long an arrival has to wait because another device of this name has its turn.
  func wait(for hello: Hello, now: Timestamp, _ policy: TwinWatch.Policy) -> Duration? {
    guard hello.resume != session, let present else { return nil }
    return twins.wait(of: TwinWatch.Identity(hello), for: present, now: now, policy)
  }

  /// Looks whether an arrival is another device's; to be called before ``endLinks(for:)``.
  ///
  /// - Parameters:
  ///   - hello: what it says of itself.
  ///   - address: where it comes from.
  ///   - steady: the time of the clock that never jumps.
  ///   - now: the wall clock, for the report.
  ///   - policy: the constants.
  /// - Returns: the report, where it is to be told.
  mutating func watchTwins(
    _ hello: Hello, from address: String?, steady: Timestamp, now: Timestamp,
    _ policy: TwinWatch.Policy
  ) -> DuplicateReport? {
    // Only the device itself knows the name of its session.
    guard hello.resume != session, let present else { return nil }
    let finding = twins.arrived(
      TwinWatch.Identity(hello), replacing: present, now: steady, policy)
    guard finding != .none else { return nil }
    var report =
      status.duplicate ?? DuplicateReport(since: now, last: now, times: 0, addresses: [])
    if now - report.last > policy.memory { report.since = now }
    report.last = now
    report.times += 1
    report.addresses = [address, status.link?.remoteAddress]
    status.duplicate = report
    return finding == .newTwins ? report : nil
  }

  private var present: TwinWatch.Present? {
    guard let link, let identity else { return nil }
    return TwinWatch.Present(identity: identity, since: arrived, lastHeard: link.lastHeard)
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
    steady: Timestamp, now: Timestamp
  ) {
    identity = TwinWatch.Identity(hello)
    arrived = steady
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
