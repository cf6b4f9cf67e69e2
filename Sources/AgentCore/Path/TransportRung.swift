/// A way to carry the device link's messages, best first: what a link costs in bytes and wake-ups
/// grows downwards, and so does what it gets through.
package enum TransportRung: String, CaseIterable, Hashable, Sendable {
  /// A WebSocket with permessage-deflate.
  case compressed
  /// A WebSocket without extensions: some boxes break what they do not know.
  case plain
  /// A WebSocket through the proxy's tunnel, where the others go without it.
  case tunnelled
  /// A held GET and batched POSTs.
  case longPoll = "longpoll"
  /// Single short POSTs: for boxes that cut or buffer held requests.
  case shortPost = "post"

  /// Whether messages go over a WebSocket.
  package var isWebSocket: Bool { self != .longPoll && self != .shortPost }

  /// The word for it in `lastLink` and logs.
  package func word(isSecure: Bool) -> String {
    let scheme = isSecure ? "wss" : "ws"
    switch self {
    case .compressed: return scheme
    case .plain: return "\(scheme)-plain"
    case .tunnelled: return "\(scheme)-tunnel"
    case .longPoll, .shortPost: return rawValue
    }
  }
}

/// What the end of an attempt says about the way in which it was made.
package enum RungFault: Hashable, Sendable {
  /// Nothing: the broker, the name or the network as such did not answer.
  case none
  /// There is not even a connection: nothing against the way as such, but where there is a proxy,
  /// the way through it may have one.
  case noConnection
  /// Perhaps it was the way; once more the same and it was.
  case doubtful
  /// This way does not lead through.
  case certain
}
