package import DeviceProtocol
import Synchronization
package import TelemetryModel

/// Every device the broker has heard of, and whether it is here now.
///
/// Called from every event loop; the lock is held for table look-ups only. Changes are announced in
/// the order in which they happen.
package final class DeviceRegistry: Sendable {
  private let entries: Mutex<[DeviceID: DeviceEntry]>
  /// Of each device that has any.
  private let spareLinks = Mutex<[DeviceID: Int]>([:])
  private let changes = Atomic<UInt64>(0)
  private let twins: TwinWatch.Policy
  private let changed: @Sendable (DeviceStatus) -> Void

  /// Starts with what the store remembers, all of it offline: since its last link ended, or, where the
  /// broker ended first, since `lastReceived`, when the store last took readings. `changed` is told of
  /// every change of presence or labels, under the lock, so in order; it must not call the registry.
  package init(
    _ known: [StoredDevice] = [], lastReceived: Timestamp? = nil,
    twins: TwinWatch.Policy = TwinWatch.Policy(),
    changed: @escaping @Sendable (DeviceStatus) -> Void = { _ in }
  ) {
    var entries: [DeviceID: DeviceEntry] = [:]
    for device in known {
      let departure =
        device.departure
        ?? StoredDevice.Departure(
          at: max(device.lastSeen, lastReceived ?? device.lastSeen), cause: .brokerStarted)
      var status = DeviceStatus(
        device: device.id, presence: .offline, since: departure.at, cause: departure.cause,
        labels: device.labels, agent: device.agent, link: nil)
      status.operatorLabels = device.operatorLabels
      entries[device.id] = DeviceEntry(
        status: status, generation: DeviceEntry.generation(at: device.lastSeen))
    }
    self.entries = Mutex(entries)
    self.twins = twins
    self.changed = changed
  }

  /// What a link's arrival came to.
  package struct Attachment: Sendable {
    /// What becomes of the link that was the device's newest until now.
    package enum Older: Sendable {
      /// It is closed with 4503 and can change nothing any more.
      case replaced(any DeviceLinkHandle)
      /// The new link took it over by name: it is read for a moment.
      case handedOver(any DeviceLinkHandle)
    }

    /// Fences older links: only the holder of the newest generation may change the device's state.
    package var generation: UInt64
    /// The links that this one ends, to be told so.
    package var older: [Older]
    /// The device as it is now.
    package var status: DeviceStatus
    /// Two devices use this name; set once in a while.
    package var duplicate: DuplicateReport?
  }

  /// How long a device's new link has to wait, because another device under the same name has its
  /// turn; nil where it may ``attach(device:hello:session:link:summary:now:steady:)``. `steady` is the
  /// time of the clock that never jumps.
  package func wait(for device: DeviceID, _ hello: Hello, steady: Timestamp) -> Duration? {
    entries.withLock { $0[device]?.wait(for: hello, now: steady, twins) }
  }

  /// Enters a device's new link, named `session`, which wins over any older one at once. Older ones
  /// are fenced before this returns; only one that is handed over may still bring packs. `steady` is the
  /// time of the clock that never jumps; by default `now`.
  package func attach(
    device: DeviceID, hello: Hello, session: String, link: any DeviceLinkHandle,
    summary: LinkSummary, now: Timestamp, steady: Timestamp? = nil
  ) -> Attachment {
    let steady = steady ?? now
    return entries.withLock { entries in
      var entry = entries[device] ?? DeviceEntry(new: device, now: now)
      let duplicate = entry.watchTwins(
        hello, from: summary.remoteAddress, steady: steady, now: now, twins)
      let older = entry.endLinks(for: hello)
      entry.enter(
        link, session: session, hello: hello, summary: summary, steady: steady, now: now)
      entry.history.arrived(hello, from: summary.remoteAddress, now: now)
      entries[device] = entry
      announce(entry.status)
      return Attachment(
        generation: entry.generation, older: older, status: entry.status, duplicate: duplicate)
    }
  }

  /// Takes a link off; does nothing and returns nil if a newer one has taken its place.
  @discardableResult
  package func detach(
    device: DeviceID, generation: UInt64, cause: LinkEndCause, now: Timestamp
  ) -> DeviceStatus? {
    entries.withLock { entries -> DeviceStatus? in
      entries[device]?.forgetOlder(generation: generation)
      guard var entry = entries[device], entry.generation == generation, entry.link != nil else {
        return nil
      }
      entry.leave(cause: cause, now: now)
      entries[device] = entry
      announce(entry.status)
      return entry.status
    }
  }

  /// Keeps how a link of a device ended; does nothing where the device was forgotten.
  package func keep(_ end: ObservedLinkEnd, of device: DeviceID) {
    entries.withLock { $0[device]?.history.keep(end) }
  }

  /// Devices that a predicate takes, by name, with what is known of their links.
  package func linkHistories(
    where predicate: (DeviceStatus, DeviceLinkHistory) -> Bool
  ) -> [(status: DeviceStatus, history: DeviceLinkHistory)] {
    let everything = entries.withLock { $0.values.map { (status: $0.status, history: $0.history) } }
    return everything.filter { predicate($0.status, $0.history) }
      .sorted { $0.status.device < $1.status.device }
  }

  /// Changes the labels that operators have set; nil if there is no such device.
  ///
  /// The caller makes the result durable.
  package func changeOperatorLabels(
    of device: DeviceID, _ change: (inout [String: String]) -> Void
  ) -> DeviceStatus? {
    entries.withLock { entries -> DeviceStatus? in
      guard var status = entries[device]?.status else { return nil }
      change(&status.operatorLabels)
      entries[device]?.status = status
      announce(status)
      return status
    }
  }

  /// Forgets a device and closes its link with 4501; false if there is no such device.
  ///
  /// The caller has the store forget it too. A device that comes again is a new one.
  package func forget(_ device: DeviceID) -> Bool {
    let links = entries.withLock { entries -> [any DeviceLinkHandle]? in
      guard let entry = entries.removeValue(forKey: device) else { return nil }
      announce(entry.status.forgotten())
      return entry.links
    }
    guard let links else { return false }
    for link in links {
      link.fence.close()
      link.revoked()
    }
    return true
  }

  /// Changes with everything that ``all(where:)`` shows.
  package var version: UInt64 { changes.load(ordering: .acquiring) }

  private func announce(_ status: DeviceStatus) {
    changes.wrappingAdd(1, ordering: .acquiringAndReleasing)
    changed(status)
  }

  /// What is known of a device's path and the ends of its links; nil where it is unknown.
  package func linkHistory(of device: DeviceID) -> DeviceLinkHistory? {
    entries.withLock { $0[device]?.history }
  }

  /// A device's newest link; nil while it is offline.
  package func link(of device: DeviceID) -> (any DeviceLinkHandle)? {
    entries.withLock { $0[device]?.link }
  }

  /// The link over which packs of an epoch are acked: the device's newest, if it carries that epoch.
  package func link(of device: DeviceID, carrying epoch: String) -> (any DeviceLinkHandle)? {
    entries.withLock { entries in
      guard let entry = entries[device], entry.epoch == epoch else { return nil }
      return entry.link
    }
  }

  /// Counts one more spare link of a device; false, and nothing counted, where it has `limit`. It need
  /// never have been here: an installer tries the path first.
  package func openSpare(device: DeviceID, limit: Int) -> Bool {
    spareLinks.withLock { spareLinks in
      let open = spareLinks[device, default: 0]
      guard open < limit else { return false }
      spareLinks[device] = open + 1
      return true
    }
  }

  /// A spare link that was counted is over.
  package func closeSpare(device: DeviceID) {
    spareLinks.withLock { spareLinks in
      let open = spareLinks[device, default: 1]
      spareLinks[device] = open > 1 ? open - 1 : nil
    }
  }

  /// Whether there is such a device.
  package func isKnown(_ name: String) -> Bool {
    guard let device = try? DeviceID(name) else { return false }
    return entries.withLock { $0[device] != nil }
  }

  /// One device.
  package subscript(device: DeviceID) -> DeviceStatus? {
    entries.withLock { $0[device]?.status }
  }

  /// A device's labels; none where it is unknown.
  package func labels(of device: DeviceID) -> [String: String] {
    entries.withLock { $0[device]?.status.labels ?? [:] }
  }

  /// Every device that a predicate takes, by name.
  package func all(where predicate: (DeviceStatus) -> Bool = { _ in true }) -> [DeviceStatus] {
    let everything = entries.withLock { $0.values.map(\.status) }
    return everything.filter(predicate).sorted { $0.device < $1.device }
  }

  /// Every link there is, for telling them all that the broker stops.
  package var links: [any DeviceLinkHandle] {
    entries.withLock { $0.values.compactMap(\.link) }
  }

  /// How many devices are online, and how many are known.
  package var counts: (online: Int, known: Int) {
    entries.withLock { entries in
      (entries.values.count { $0.status.presence == .online }, entries.count)
    }
  }
}
