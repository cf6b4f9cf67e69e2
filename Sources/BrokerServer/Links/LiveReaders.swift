package import BrokerCore
import DeviceProtocol
package import NIOCore
import Synchronization
package import TelemetryModel

/// Every reader of live data, by event loop: where the hub's messages fan out.
///
/// A message to a feed is made once, hops once to each loop, and is written there to each reader that
/// has joined; equal bytes are compressed once for all with equal parameters.
package final class LiveReaders: LiveOutlet {
  private let lanes: [Lane]
  private let lastNumber = Atomic<UInt64>(0)
  private let open = Mutex<Set<UInt64>>([])
  private let closing = Atomic(false)

  /// One lane for each of the loops.
  package init(loops: [any EventLoop]) {
    lanes = loops.map { Lane(loop: $0) }
  }

  /// Whether the broker stops and takes no readers any more; from any thread.
  var isClosing: Bool { closing.load(ordering: .acquiring) }

  /// When a reader that a stopping broker does not take may come back; spread, so that a thousand that
  /// lost one broker do not come back in one second.
  static func returnAfter() -> Duration { .milliseconds(Int.random(in: 1_000...4_000)) }

  /// Enters a reader; call on its loop. Nil where the broker stops.
  func add(_ link: any LiveReader, on loop: any EventLoop) -> ReaderID? {
    guard !isClosing, let lane = lanes.firstIndex(where: { $0.loop === loop }) else { return nil }
    let number = lastNumber.wrappingAdd(1, ordering: .relaxed).newValue
    lanes[lane].state.value.readers[number] = link
    open.withLock { _ = $0.insert(number) }
    return ReaderID(number: number, lane: lane)
  }

  /// Forgets a reader; call on its loop, before the hub is told.
  func remove(_ reader: ReaderID) {
    open.withLock { _ = $0.remove(reader.number) }
    lanes[reader.lane].state.value.remove(reader.number)
  }

  /// Closes every reader, because the broker stops; takes no others any more.
  func closeAll(code: UInt16, reason: String) {
    // Before the loops are told: a reader is refused on its loop, or is closed there.
    closing.store(true, ordering: .releasing)
    for lane in lanes {
      lane.loop.execute {
        for link in Array(lane.state.value.readers.values) {
          link.close(code: code, reason: reason)
        }
      }
    }
  }

  /// The newest message of a feed that has new rows; call on the loop of the reader.
  func newest(of feed: FeedID, for reader: ReaderID) -> SharedMessage? {
    lanes[reader.lane].state.value.feeds[feed]?.newest
  }

  // MARK: - From the hub

  /// Whether a reader's connection is open; from any thread.
  package func isOpen(_ reader: ReaderID) -> Bool {
    open.withLock { $0.contains(reader.number) }
  }

  /// One message to one reader; from any thread.
  package func send(_ message: LiveMessage, to reader: ReaderID) {
    guard let command = message.command else { return with(reader) { $0.deliver(message) } }
    let shared = SharedMessage(message)
    with(reader) { $0.deliver(shared, aboutCommand: command) }
  }

  /// One message to all readers of a feed; from any thread.
  package func publish(_ message: LiveMessage, to feed: FeedID) {
    let shared = SharedMessage(message)
    let isNewest = message.span != nil && !message.amends
    for lane in lanes {
      lane.loop.execute {
        let state = lane.state.value
        guard let index = state.feeds.index(forKey: feed) else { return }
        if isNewest { state.feeds.values[index].newest = shared }
        for link in state.feeds.values[index].readers.values { link.deliver(shared, of: feed) }
      }
    }
  }

  /// From now on a reader gets what is published to a feed; from any thread.
  package func join(_ reader: ReaderID, feed: FeedID) {
    let lane = lanes[reader.lane]
    lane.loop.execute {
      guard let link = lane.state.value.readers[reader.number] else { return }
      lane.state.value.feeds[feed, default: Readers()].readers[reader.number] = link
    }
  }

  /// From now on it does not; from any thread.
  package func leave(_ reader: ReaderID, feed: FeedID) {
    let lane = lanes[reader.lane]
    lane.loop.execute {
      lane.state.value.leave(reader.number, feed)
      lane.state.value.readers[reader.number]?.left(feed)
    }
  }

  /// Has a feed's history read on when a reader can take it; from any thread.
  package func askWhenReady(_ reader: ReaderID, feed: FeedID) {
    with(reader) { $0.askWhenReady(feed) }
  }

  /// Closes a reader with 1013; from any thread.
  package func sendAway(_ reader: ReaderID) {
    let reason = CloseReason.overloaded
    with(reader) { $0.close(code: reason.code, reason: reason.text) }
  }

  /// From now on a reader gets what is announced of devices; from any thread.
  package func watchDevices(_ reader: ReaderID) {
    let lane = lanes[reader.lane]
    lane.loop.execute {
      guard let link = lane.state.value.readers[reader.number] else { return }
      lane.state.value.watchers[reader.number] = link
    }
  }

  /// One message to all who watch devices; from any thread.
  package func announce(_ message: LiveMessage, about device: DeviceID) {
    let shared = SharedMessage(message)
    for lane in lanes {
      lane.loop.execute {
        for link in lane.state.value.watchers.values { link.deliver(shared, about: device) }
      }
    }
  }

  /// One message about a command to all who watch devices; from any thread.
  package func announce(_ message: LiveMessage, aboutCommand command: String) {
    let shared = SharedMessage(message)
    for lane in lanes {
      lane.loop.execute {
        for link in Array(lane.state.value.watchers.values) {
          link.deliver(shared, aboutCommand: command)
        }
      }
    }
  }

  /// As if news of these commands had been left out; from any thread.
  func owe(_ reader: ReaderID, commands: [String]) {
    guard !commands.isEmpty else { return }
    with(reader) { $0.owe(commands: commands) }
  }

  /// As if messages about these devices had been left out; from any thread.
  package func owe(_ reader: ReaderID, devices: [DeviceID]) {
    guard !devices.isEmpty else { return }
    with(reader) { $0.owe(devices) }
  }

  /// What was fetched for a reader was given to it; from any thread.
  func fetched(_ reader: ReaderID) {
    with(reader) { $0.fetched() }
  }

  private func with(_ reader: ReaderID, _ body: @escaping @Sendable (any LiveReader) -> Void) {
    let lane = lanes[reader.lane]
    lane.loop.execute {
      guard let link = lane.state.value.readers[reader.number] else { return }
      body(link)
    }
  }

  private struct Lane: Sendable {
    let loop: any EventLoop
    let state: NIOLoopBoundBox<LaneState>

    init(loop: any EventLoop) {
      self.loop = loop
      state = .makeBoxSendingValue(LaneState(), eventLoop: loop)
    }
  }

  /// Who reads a feed on one loop.
  private struct Readers {
    var readers: [UInt64: any LiveReader] = [:]
    /// For readers that have left some out.
    var newest: SharedMessage?
  }

  /// What one loop knows; used on that loop only.
  private final class LaneState {
    var readers: [UInt64: any LiveReader] = [:]
    var feeds: [FeedID: Readers] = [:]
    var watchers: [UInt64: any LiveReader] = [:]

    func remove(_ number: UInt64) {
      readers[number] = nil
      watchers[number] = nil
      for feed in Array(feeds.keys) { leave(number, feed) }
    }

    func leave(_ number: UInt64, _ feed: FeedID) {
      feeds[feed]?.readers[number] = nil
      if feeds[feed]?.readers.isEmpty == true { feeds[feed] = nil }
    }
  }
}
