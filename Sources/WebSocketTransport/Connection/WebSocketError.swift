/// Why a connection could not go on. Each case has its close code; none carries what a peer sent.
package enum WebSocketError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The peer broke the protocol: 1002.
  case violation(ProtocolViolation)
  /// A text message or close reason is not UTF-8: 1007.
  case invalidUTF8
  /// Compressed data that is not deflate data: 1007.
  case corruptDeflateData
  /// A frame announced more bytes than allowed: 1009.
  case frameTooLarge(limitBytes: Int)
  /// A message grew, inflated, over what is allowed: 1009.
  case messageTooLarge(limitBytes: Int)
  /// A message came in more frames than allowed: 1009.
  case tooManyFragments(limit: Int)
  /// The peer did not read while more than the limit was to be sent. It gets no Close frame: that
  /// would wait behind the rest.
  case outboundOverflow(limitBytes: Int)
  /// Nothing came from the peer, not even the answer to a ping.
  case keepaliveTimedOut
  /// The peer did not finish the closing handshake in time.
  case closeTimedOut
  /// The transport failed under the connection (an errno, or TLS); no Close frame can be sent.
  case transport(String)

  /// The code of the Close frame that says this, or nil where none is sent.
  package var closeCode: UInt16? {
    switch self {
    case .violation: 1002
    case .invalidUTF8, .corruptDeflateData: 1007
    case .frameTooLarge, .messageTooLarge, .tooManyFragments: 1009
    case .outboundOverflow, .keepaliveTimedOut, .closeTimedOut, .transport: nil
    }
  }

  /// One sentence, at most 123 bytes where there is a close code: it is the Close frame's reason.
  package var description: String {
    switch self {
    case .violation(let violation): violation.rawValue
    case .invalidUTF8: "text is not UTF-8"
    case .corruptDeflateData: "compressed data is corrupt"
    case .frameTooLarge(let limit): "frame over \(limit) bytes"
    case .messageTooLarge(let limit): "message over \(limit) bytes"
    case .tooManyFragments(let limit): "message in more than \(limit) frames"
    case .outboundOverflow(let limit): "peer does not read; over \(limit) bytes wait for it"
    case .keepaliveTimedOut: "peer is silent and answers no ping"
    case .closeTimedOut: "peer did not finish the closing handshake"
    case .transport(let text): "transport failed: \(text)"
    }
  }
}
