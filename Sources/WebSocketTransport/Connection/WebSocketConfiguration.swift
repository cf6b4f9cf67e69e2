package import NIOCore

/// Limits, times and compression of connections. Both roles use it; the defaults suit a broker.
package struct WebSocketConfiguration: Sendable {
  /// The longest frame a peer may send, in bytes of payload on the wire.
  package var maxFrameBytes = 1 << 20
  /// The longest message a peer may send, in bytes after inflating.
  package var maxMessageBytes = 1 << 20
  /// The most frames a peer may send one message in.
  package var maxFragments = 1 << 16
  /// Outgoing messages longer than this, in bytes as sent, are fragmented, so that pings pass between.
  package var fragmentBytes = 16 * 1024

  /// The most bytes of a handshake's head, request or response.
  package var maxHeaderBytes = 16 * 1024
  /// From the connection's first moment to the end of its handshake.
  package var handshakeTimeout = TimeAmount.seconds(10)
  /// From sending a Close frame to having the TCP connection's end.
  package var closeTimeout = TimeAmount.seconds(5)

  /// What is wanted of permessage-deflate; nil for none.
  package var compression: DeflateSettings? = DeflateSettings()

  /// Above this many bytes waiting to be sent a connection is no longer writable…
  package var highWatermarkBytes = 64 * 1024
  /// …until fewer than these wait.
  package var lowWatermarkBytes = 16 * 1024
  /// A connection for which more than this many bytes wait is cut (`outboundOverflow`).
  package var maxBufferedBytes = 4 << 20

  /// Frames may go to the socket without passing the pipeline's other handlers. They never do where
  /// there is TLS; to be switched off where anything else has to see them.
  package var writesPastPipeline = true

  /// Pings of a silent peer; nil for none.
  package var keepalive: Keepalive?

  /// When a silent peer is pinged and when it is given up.
  package struct Keepalive: Sendable, Equatable {
    /// A ping is sent after so long without a byte from the peer.
    package var pingAfter: TimeAmount
    /// The connection ends if no byte comes for so long behind the ping.
    package var timeout: TimeAmount

    /// What a peer is told that is given up, in a Close frame with TCP's end behind it (RFC 6455 §7.1.7);
    /// nil where the connection just ends.
    package var closing: ClosePayload?

    /// `pingAfter` of silence, then `timeout` for the answer; kept within 100 ms.
    package init(
      pingAfter: TimeAmount = .seconds(20), timeout: TimeAmount = .seconds(10),
      closing: ClosePayload? = nil
    ) {
      self.pingAfter = pingAfter
      self.timeout = timeout
      self.closing = closing
    }
  }

  /// The defaults, to be changed field by field.
  package init() {}
}
