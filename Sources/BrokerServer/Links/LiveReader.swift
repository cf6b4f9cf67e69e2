import BrokerCore
import DeviceProtocol
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
  /// News of a command, the same for all who are told.
  func deliver(_ message: SharedMessage, aboutCommand command: String)
  /// As if news of these commands had been left out.
  func owe(commands: [String])
  /// As soon as the reader can take more, a feed's history is to be read on.
  func askWhenReady(_ feed: FeedID)
  /// The reader was moved out of a feed.
  func left(_ feed: FeedID)
  /// As if messages about these devices had been left out.
  func owe(_ devices: [DeviceID])
  /// What was fetched for the reader alone is on its way.
  func fetched()
  /// The broker closes it.
  func close(code: UInt16, reason: String)
}

/// A reader that is not waited for: what it does not take in time is left out, as `ReaderPace` says.
/// The same over a WebSocket and in a stream of events; loop-bound.
protocol PacedReader: LiveReader {
  var services: LinkServices { get }
  var reader: ReaderID? { get }
  var pace: ReaderPace { get set }
  /// Whether it takes more: its connection is open, and not too much waits for it.
  var isReady: Bool { get }
  /// Sends a message that others get too, whatever waits.
  func send(_ message: SharedMessage)
}

extension PacedReader {
  func deliver(_ message: SharedMessage, of feed: FeedID) {
    guard pace.takes(message.message, of: feed, isReady: isReady) else { return goOn() }
    send(message)
  }

  func deliver(_ message: SharedMessage, about device: DeviceID) {
    guard isReady else { return pace.miss(CollectionOfOne(device)) }
    send(message)
  }

  func deliver(_ message: SharedMessage, aboutCommand command: String) {
    if isReady { return send(message) }
    guard !pace.miss(command: command) else { return }
    close(code: CloseReason.readerTooSlow.code, reason: CloseReason.readerTooSlow.text)
  }

  func owe(commands: [String]) {
    for command in commands { _ = pace.miss(command: command) }
  }

  func askWhenReady(_ feed: FeedID) {
    pace.want(feed)
    goOn()
  }

  func owe(_ devices: [DeviceID]) {
    pace.miss(devices)
    goOn()
  }

  func left(_ feed: FeedID) { pace.leave(feed) }

  func fetched() {
    pace.fetched()
    goOn()
  }

  /// Has a request answered when the reader can take it; false where too many wait already.
  func ask(_ request: ReaderPace.Request) -> Bool {
    guard pace.ask(request) else { return false }
    goOn()
    return true
  }

  /// Does what waits, for as long as the reader takes it.
  func goOn() {
    guard let reader else { return }
    while isReady, let action = pace.next() {
      switch action {
      case .goOn(let feed, let gap, let newest):
        if let gap { deliver(LiveMessage.slowReader(feed, gap)) }
        if newest, let message = services.readers.newest(of: feed, for: reader) { send(message) }
      case .step(let feed):
        fetch { await $0.goOn(reader, feed: feed) }
      case .tell(let devices):
        fetch { await $0.tell(reader, of: devices) }
      case .tellCommands(let commands):
        let (readers, desk) = (services.readers, services.commands)
        fetch { _ in
          let left = await desk?.tell(reader, of: commands) ?? []
          readers.owe(reader, commands: left)
        }
      case .answer(.watchDevices(let id)):
        fetch { await $0.watchDevices(reader, request: id) }
      case .answer(.subscribe(let id, let subscription, let since)):
        fetch { await $0.subscribe(subscription, since: since, request: id, reader: reader) }
      }
    }
  }

  private func fetch(_ body: @escaping @Sendable (LiveHub) async -> Void) {
    guard let reader else { return }
    let (hub, readers) = (services.hub, services.readers)
    Task {
      await body(hub)
      readers.fetched(reader)
    }
  }
}

extension Channel {
  /// Has the kernel keep 128 KiB for a reader, which it doubles for its own needs, and not the megabytes
  /// that it would give one that is slow: what is older when it is read is no use. Call on the loop.
  func limitSendBuffer() {
    try? syncOptions?.setOption(.socketOption(.so_sndbuf), value: 128 << 10)
  }
}
