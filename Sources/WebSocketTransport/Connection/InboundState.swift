import NIOCore

/// What is known of the frame and message that are arriving. Empty between messages.
struct InboundState {
  /// What the message in progress is.
  enum Kind: UInt8 {
    case none
    case text
    case binary
  }

  /// Payload bytes of the current data frame still to come.
  var remaining = 0
  /// The current frame's key, turned to the next byte to come.
  var maskKey: UInt32 = 0
  var isMasked = false
  /// The current frame is its message's last.
  var isFinal = false
  var kind = Kind.none
  var isCompressed = false
  /// The message's end has gone through the inflater.
  var isInflated = false
  /// Checks text while it arrives.
  var utf8 = UTF8Checker()
  /// Frames of the message so far.
  var fragments: UInt32 = 0
  /// The message so far, inflated. Lent by the loop, kept while the message lasts.
  var message: ByteBuffer?
  /// Lent by the loop while a compressed message lasts, and to the end of the read that ends it.
  var inflater: Inflater?
  /// The stream has begun with the message in progress.
  var isInflating = false
  /// The beginning of a frame head or control frame whose rest has not come yet.
  var leftover: [UInt8] = []
}
