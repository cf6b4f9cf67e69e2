package import DeviceProtocol
import Synchronization
package import TelemetryModel

/// What the broker has seen of all its links: the one ``LinkEndCounts`` and the one ``FleetPaths``. Safe
/// from any thread; what it holds goes with the program.
package final class LinkStatistics: Sendable {
  private let state: Mutex<(counts: LinkEndCounts, paths: FleetPaths)>

  /// Counts from now on; `now` here and below never jumps.
  package init(now: Timestamp) {
    state = Mutex((LinkEndCounts(now: now), FleetPaths()))
  }

  /// Takes what a device says at the beginning of a link; answers how it is to beat. `usual` is the
  /// setting.
  package func opened(
    _ hello: Hello, by device: DeviceID, on network: NetworkKey, usual: HeartbeatPolicy,
    now: Timestamp
  ) -> HeartbeatPolicy {
    state.withLock { state in
      if let last = hello.lastLink {
        state.counts.count(
          LinkEndCounts.Kind(
            seenBy: .device, cause: last.cause, transport: last.transport, network: network),
          now: now)
      }
      state.paths.heard(hello.path, from: device, on: network, now: now)
      return state.paths.heartbeat(
        for: hello.path, of: device, on: network, usual: usual, now: now)
    }
  }

  /// Counts a link's end.
  package func ended(
    _ cause: LinkEndCause, _ transport: LinkTransport, on network: NetworkKey, now: Timestamp
  ) {
    let kind = LinkEndCounts.Kind(
      seenBy: .broker, cause: cause.rawValue, transport: transport.rawValue, network: network)
    state.withLock { $0.counts.count(kind, now: now) }
  }

  /// All counts, at a moment.
  package var counts: LinkEndCounts { state.withLock { $0.counts } }
}
