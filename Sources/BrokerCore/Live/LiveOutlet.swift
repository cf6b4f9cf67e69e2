package import TelemetryModel

/// One reader of live data, as the hub and its outlet both know it.
package struct ReaderID: Hashable, Sendable {
  /// Never reused while the broker runs.
  package var number: UInt64
  /// Which of the outlet's lanes (event loops) serves it.
  package var lane: Int

  /// Names both parts.
  package init(number: UInt64, lane: Int) {
    self.number = number
    self.lane = lane
  }
}

/// One live feed: what all readers with equal subscriptions share. On the wire it is the
/// subscription's name.
package struct FeedID: Hashable, Sendable, CustomStringConvertible {
  /// Never reused while the broker runs.
  package var number: UInt64

  /// Wraps a number.
  package init(_ number: UInt64) {
    self.number = number
  }

  /// The subscription's name on the wire.
  package var description: String { "f\(number)" }
}

/// Where the hub's messages go: the server's side of live data.
///
/// Called by the hub only, one call at a time; each reader gets its messages in the order of the
/// calls. Returns at once: readers that cannot keep up are the outlet's business.
package protocol LiveOutlet: Sendable {
  /// Whether a reader's connection is open. Once it is not, it never is again, and the hub is told to
  /// remove it after that.
  func isOpen(_ reader: ReaderID) -> Bool

  /// One message to one reader. Of commands whose news a slow reader has missed,
  /// ``CommandDesk/tell(_:of:)`` is to be called, in time.
  func send(_ message: LiveMessage, to reader: ReaderID)

  /// One message to every reader that has joined a feed: made once, however many there are.
  func publish(_ message: LiveMessage, to feed: FeedID)

  /// From now on a reader gets what is published to a feed.
  func join(_ reader: ReaderID, feed: FeedID)

  /// From now on it does not.
  func leave(_ reader: ReaderID, feed: FeedID)

  /// When a reader can take more, ``LiveHub/goOn(_:feed:)`` is to be called, once.
  func askWhenReady(_ reader: ReaderID, feed: FeedID)

  /// Closes a reader's connection, because the broker is too busy (1013).
  func sendAway(_ reader: ReaderID)

  /// From now on a reader gets what is announced of devices.
  func watchDevices(_ reader: ReaderID)

  /// One message about a device to every reader that watches devices. Of several that a slow reader has
  /// missed, ``LiveHub/tell(_:of:)`` is to be called for the devices, in time.
  func announce(_ message: LiveMessage, about device: DeviceID)

  /// One message about a command to every reader that watches devices; where it is missed, as with
  /// ``send(_:to:)``.
  func announce(_ message: LiveMessage, aboutCommand command: String)

  /// As if messages about these devices had been missed by a reader.
  func owe(_ reader: ReaderID, devices: [DeviceID])
}
