package import NIOCore

/// When a silent peer is pinged, and when it is given up. Any byte from it proves that it lives.
package struct KeepaliveMachine: Sendable {
  /// What to do at a deadline.
  package enum Action: Equatable, Sendable {
    /// Nothing yet; ask again then.
    case wait(until: NIODeadline)
    /// Send a ping, and ask again then.
    case ping(nextAt: NIODeadline)
    /// The peer is gone.
    case giveUp
  }

  private var lastHeard = NIODeadline.uptimeNanoseconds(0)
  private var pinged = false

  /// A machine that has not begun.
  package init() {}

  /// Begins at `now`; returns when `due` wants to be asked first.
  package mutating func begin(
    _ settings: WebSocketConfiguration.Keepalive, now: NIODeadline
  ) -> NIODeadline {
    lastHeard = now
    pinged = false
    return now + settings.pingAfter
  }

  /// Something came from the peer.
  package mutating func heard(at now: NIODeadline) {
    lastHeard = now
    pinged = false
  }

  /// What to do at `now`, which is at or behind the time last returned.
  package mutating func due(
    _ settings: WebSocketConfiguration.Keepalive, now: NIODeadline
  ) -> Action {
    // A ping that was not answered: its whole timeout has passed, or `heard` would have undone it.
    if pinged { return .giveUp }
    let silentUntil = lastHeard + settings.pingAfter
    guard silentUntil <= now else { return .wait(until: silentUntil) }
    pinged = true
    return .ping(nextAt: now + settings.timeout)
  }
}
