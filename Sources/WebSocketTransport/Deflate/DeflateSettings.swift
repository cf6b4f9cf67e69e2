/// What a side wants of permessage-deflate. The defaults cost an idle connection 1 KB of plaintext
/// each way; streams are the event loop's, not the connection's.
package struct DeflateSettings: Sendable, Equatable {
  /// zlib's level, 1 to 9.
  package var level: Int = 6
  /// The most bits of window to compress with, 8 to 15, however much the peer would allow.
  package var windowBits: Int = 15
  /// The most plaintext of earlier messages to compress against, in bytes. This is what a connection
  /// keeps; re-hashing it is part of every message's cost, so more than 4 KB rarely pays.
  package var historyBytes: Int = 1024
  /// A server's connections keep no history of their own: those that were sent the same prepared
  /// messages have one in common (``PreparedMessage``), and a message for one of them alone is compressed
  /// without. For connections that mostly get what others get as well.
  package var sharesHistory: Bool = false
  /// Compress against earlier messages at all.
  package var contextTakeover: Bool = true
  /// The window to ask the peer to keep to, 8 to 15: this many bits of its plaintext are kept for it.
  /// A server can ask only a client that offered `client_max_window_bits`.
  package var peerWindowBits: Int = 10
  /// Let the peer compress against its earlier messages.
  package var peerContextTakeover: Bool = true
  /// A client's first offer names `server_max_window_bits` (then a second, bare offer follows for
  /// servers that cannot limit their window).
  package var offersPeerWindowBits: Bool = true
  /// Messages shorter than this, in bytes, are sent as they are.
  package var minimumBytes: Int = 32

  /// The defaults, to be changed field by field.
  package init() {}
}
