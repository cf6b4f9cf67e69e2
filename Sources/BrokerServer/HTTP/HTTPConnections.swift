import NIOCore
import Synchronization

/// The connections that speak HTTP at the moment, so that a stopping broker can cut those that do not
/// come to an end: an answer that nobody reads, a body that never comes. Safe from any thread.
///
/// WebSockets are not among them: each has a deadline of its own for its closing handshake.
final class HTTPConnections: Sendable {
  private struct State {
    var open: [ObjectIdentifier: any Channel] = [:]
    var isClosed = false
  }

  private let state = Mutex(State())

  /// Holds a connection for as long as `body` serves it; cut at once where ``cut()`` was called.
  func hold(_ channel: any Channel, while body: () async -> Void) async {
    let isLate = state.withLock { state in
      state.open[ObjectIdentifier(channel)] = channel
      return state.isClosed
    }
    if isLate { channel.close(promise: nil) }
    await body()
    state.withLock { _ = $0.open.removeValue(forKey: ObjectIdentifier(channel)) }
  }

  /// Closes every connection, whatever it is in the midst of, and all that come later; how many these
  /// were.
  @discardableResult
  func cut() -> Int {
    let channels = state.withLock { state in
      state.isClosed = true
      return Array(state.open.values)
    }
    for channel in channels { channel.close(promise: nil) }
    return channels.count
  }
}
