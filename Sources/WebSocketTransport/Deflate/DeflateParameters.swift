/// permessage-deflate as agreed for one connection (RFC 7692 §7.1).
package struct DeflateParameters: Hashable, Sendable {
  /// The server compresses each message by itself.
  package var serverNoContextTakeover: Bool
  /// The client compresses each message by itself.
  package var clientNoContextTakeover: Bool
  /// The server's distances reach at most 2^this bytes back: 8 to 15.
  package var serverMaxWindowBits: Int
  /// The client's distances reach at most 2^this bytes back: 8 to 15.
  package var clientMaxWindowBits: Int

  /// What is agreed where nothing is said: context takeover and full windows both ways.
  package init(
    serverNoContextTakeover: Bool = false, clientNoContextTakeover: Bool = false,
    serverMaxWindowBits: Int = 15, clientMaxWindowBits: Int = 15
  ) {
    self.serverNoContextTakeover = serverNoContextTakeover
    self.clientNoContextTakeover = clientNoContextTakeover
    self.serverMaxWindowBits = serverMaxWindowBits
    self.clientMaxWindowBits = clientMaxWindowBits
  }

  /// What holds for messages that a peer in `role` sends.
  package func sending(as role: WebSocketRole) -> (takeover: Bool, windowBits: Int) {
    switch role {
    case .server: (!serverNoContextTakeover, serverMaxWindowBits)
    case .client: (!clientNoContextTakeover, clientMaxWindowBits)
    }
  }
}

/// Which side of the handshake a connection was on; it decides who masks and who closes TCP.
package enum WebSocketRole: Sendable {
  /// Answered the handshake: receives masked frames, sends unmasked ones.
  case server
  /// Asked for the handshake: masks what it sends.
  case client

  /// The other side.
  package var peer: WebSocketRole { self == .server ? .client : .server }
}
