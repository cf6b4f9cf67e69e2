package import DeviceProtocol
import Synchronization
package import TelemetryModel

/// Every device the broker has heard of, and whether it is here now.
///
/// Called from every event loop; the lock is held for table look-ups only. Changes are announced in
/// the order in which they happen for each device.
package final class DeviceRegistry: Sendable {
  private struct Entry {
    var status: DeviceStatus
    var generation: UInt64 = 0
    var link: (any DeviceLinkHandle)?
  }

  private let entries: Mutex<[DeviceID: Entry]>
  private let changes = Atomic<UInt64>(0)
  private let changed: @Sendable (DeviceStatus) -> Void

  /// Starts with what the store remembers, all of it offline. `changed` is told of every change of
  /// presence or labels, under no lock.
  package init(
    _ known: [StoredDevice] = [], changed: @escaping @Sendable (DeviceStatus) -> Void = { _ in }
  ) {
    var entries: [DeviceID: Entry] = [:]
    for device in known {
      var status = DeviceStatus(
        device: device.id, presence: .offline, since: device.lastSeen, cause: "broker started",
        labels: device.labels, agent: device.agent, link: nil)
      status.operatorLabels = device.operatorLabels
      entries[device.id] = Entry(status: status)
    }
    self.entries = Mutex(entries)
    self.changed = changed
  }

  /// What a link's arrival came to.
  package struct Attachment: Sendable {
    /// Fences this link: only the holder of the newest generation may change the device's state.
    package var generation: UInt64
    /// The link that this one replaces, to be closed with 4503.
    package var replaced: (any DeviceLinkHandle)?
    /// The device as it is now.
    package var status: DeviceStatus
  }

  /// Enters a device's new link, which wins over any older one at once.
  package func attach(
    device: DeviceID, hello: Hello, link: any DeviceLinkHandle, summary: LinkSummary, now: Timestamp
  ) -> Attachment {
    let attachment = entries.withLock { entries in
      var entry =
        entries[device]
        ?? Entry(
          status: DeviceStatus(
            device: device, presence: .offline, since: now, cause: nil, labels: [:], agent: nil,
            link: nil))
      let replaced = entry.link
      entry.generation += 1
      entry.link = link
      if entry.status.presence == .offline { entry.status.since = now }
      entry.status.presence = .online
      entry.status.cause = nil
      entry.status.ownLabels = hello.labels
      entry.status.agent = hello.agent
      entry.status.link = summary
      entries[device] = entry
      return Attachment(generation: entry.generation, replaced: replaced, status: entry.status)
    }
    announce(attachment.status)
    return attachment
  }

  /// Takes a link off; does nothing and returns nil if a newer one has replaced it.
  @discardableResult
  package func detach(
    device: DeviceID, generation: UInt64, cause: String, now: Timestamp
  ) -> DeviceStatus? {
    let status = entries.withLock { entries -> DeviceStatus? in
      guard var entry = entries[device], entry.generation == generation, entry.link != nil else {
        return nil
      }
      entry.link = nil
      entry.status.presence = .offline
      entry.status.since = now
      entry.status.cause = cause
      entry.status.link = nil
      entries[device] = entry
      return entry.status
    }
    if let status { announce(status) }
    return status
  }

  /// Changes the labels that operators have set; nil if there is no such device.
  ///
  /// The caller makes the result durable.
  package func changeOperatorLabels(
    of device: DeviceID, _ change: (inout [String: String]) -> Void
  ) -> DeviceStatus? {
    let status = entries.withLock { entries -> DeviceStatus? in
      guard var status = entries[device]?.status else { return nil }
      change(&status.operatorLabels)
      entries[device]?.status = status
      return status
    }
    if let status { announce(status) }
    return status
  }

  /// Forgets a device and closes its link with 4501; false if there is no such device.
  ///
  /// The caller has the store forget it too. A device that comes again is a new one.
  package func forget(_ device: DeviceID) -> Bool {
    guard let entry = entries.withLock({ $0.removeValue(forKey: device) }) else { return false }
    entry.link?.revoked()
    var status = entry.status
    status.presence = .offline
    status.cause = "forgotten"
    status.link = nil
    status.isForgotten = true
    announce(status)
    return true
  }

  /// Changes with everything that ``all(where:)`` shows.
  package var version: UInt64 { changes.load(ordering: .acquiring) }

  private func announce(_ status: DeviceStatus) {
    changes.wrappingAdd(1, ordering: .acquiringAndReleasing)
    changed(status)
  }

  /// Whether a link is still its device's newest.
  package func isCurrent(device: DeviceID, generation: UInt64) -> Bool {
    entries.withLock { $0[device]?.generation == generation }
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

/// A device's live link, as the registry and others reach it from any thread.
package protocol DeviceLinkHandle: AnyObject, Sendable {
  /// Closes the link with 4503, because a newer one took over.
  func replacedByNewerLink()

  /// Closes the link with 4501, because an operator had the device forgotten.
  func revoked()

  /// Says `bye` and closes the link.
  func goodbye(_ bye: Bye)
}
