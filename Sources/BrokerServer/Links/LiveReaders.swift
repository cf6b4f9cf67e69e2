package import BrokerCore
package import NIOCore
import Synchronization
import WebSocketTransport

/// Every reader of live data, by event loop: where the hub's messages fan out.
///
/// A message to a feed is prepared once, hops once to each loop, and is written there to each reader
/// that has joined; equal bytes are compressed once for all with equal parameters.
package final class LiveReaders: LiveOutlet {
  private let lanes: [Lane]
  private let lastNumber = Atomic<UInt64>(0)

  /// One lane for each of the loops.
  package init(loops: [any EventLoop]) {
    lanes = loops.map { Lane(loop: $0) }
  }

  /// Enters a reader; call on its loop.
  func add(_ link: LiveConnection, on loop: any EventLoop) -> ReaderID? {
    guard let lane = lanes.firstIndex(where: { $0.loop === loop }) else { return nil }
    let number = lastNumber.wrappingAdd(1, ordering: .relaxed).newValue
    lanes[lane].state.value.readers[number] = link
    return ReaderID(number: number, lane: lane)
  }

  /// Forgets a reader; call on its loop.
  func remove(_ reader: ReaderID) {
    lanes[reader.lane].state.value.remove(reader.number)
  }

  /// Closes every reader, because the broker stops.
  func closeAll(code: UInt16, reason: String) {
    for lane in lanes {
      lane.loop.execute {
        for link in Array(lane.state.value.readers.values) {
          link.close(code: code, reason: reason)
        }
      }
    }
  }

  /// One message to one reader; from any thread.
  package func send(_ message: [UInt8], to reader: ReaderID) {
    let lane = lanes[reader.lane]
    lane.loop.execute {
      lane.state.value.readers[reader.number]?.deliver(message)
    }
  }

  /// One message to all readers of a feed; from any thread.
  package func publish(_ message: [UInt8], to feed: FeedID) {
    let prepared = PreparedMessage(text: message)
    for lane in lanes {
      lane.loop.execute {
        for link in (lane.state.value.feeds[feed] ?? [:]).values {
          link.deliver(prepared, of: feed)
        }
      }
    }
  }

  /// From now on a reader gets what is published to a feed; from any thread.
  package func join(_ reader: ReaderID, feed: FeedID) {
    let lane = lanes[reader.lane]
    lane.loop.execute {
      guard let link = lane.state.value.readers[reader.number] else { return }
      lane.state.value.feeds[feed, default: [:]][reader.number] = link
    }
  }

  /// From now on it does not; from any thread.
  package func leave(_ reader: ReaderID, feed: FeedID) {
    let lane = lanes[reader.lane]
    lane.loop.execute { lane.state.value.leave(reader.number, feed) }
  }

  private struct Lane: Sendable {
    let loop: any EventLoop
    let state: NIOLoopBoundBox<LaneState>

    init(loop: any EventLoop) {
      self.loop = loop
      state = .makeBoxSendingValue(LaneState(), eventLoop: loop)
    }
  }

  /// What one loop knows; used on that loop only.
  private final class LaneState {
    var readers: [UInt64: LiveConnection] = [:]
    var feeds: [FeedID: [UInt64: LiveConnection]] = [:]

    func remove(_ number: UInt64) {
      readers[number] = nil
      for feed in Array(feeds.keys) { leave(number, feed) }
    }

    func leave(_ number: UInt64, _ feed: FeedID) {
      feeds[feed]?[number] = nil
      if feeds[feed]?.isEmpty == true { feeds[feed] = nil }
    }
  }
}
