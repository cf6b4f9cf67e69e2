import BrokerCore
import NIOCore
import TelemetryModel

/// One reader's end of a connection, of whatever kind. Loop-bound.
protocol LiveReader: AnyObject {
  /// A message for this reader alone; sent in any case.
  func deliver(_ message: LiveMessage)
  /// A message of a feed, the same for all its readers.
  func deliver(_ message: SharedMessage, of feed: FeedID)
  /// A message about a device, the same for all who watch devices.
  func deliver(_ message: SharedMessage, about device: DeviceID)
  /// As soon as the reader can take more, a feed's history is to be read on.
  func askWhenReady(_ feed: FeedID)
  /// The reader was moved out of a feed.
  func left(_ feed: FeedID)
  /// As if messages about these devices had been left out.
  func owe(_ devices: [DeviceID])
  /// Something may wait that the reader can take.
  func nudge()
  /// The broker closes it.
  func close(code: UInt16, reason: String)
}

extension Channel {
  /// Has the kernel keep 128 KiB for a reader, which it doubles for its own needs, and not the megabytes
  /// that it would give one that is slow: what is older when it is read is no use. Call on the loop.
  func limitSendBuffer() {
    try? syncOptions?.setOption(.socketOption(.so_sndbuf), value: 128 << 10)
  }
}
