/// What a peer did that RFC 6455 or RFC 7692 forbids; each ends the connection with 1002.
package enum ProtocolViolation: String, Error, Sendable {
  case reservedBits = "reserved bit set"
  case reservedOpcode = "reserved opcode"
  case fragmentedControlFrame = "fragmented control frame"
  case longControlFrame = "control frame over 125 bytes"
  case lengthNotMinimal = "payload length not in its shortest form"
  case lengthTooLarge = "payload length over 63 bits"
  case unmaskedFrame = "client frame without mask"
  case maskedFrame = "server frame with mask"
  case continuationWithoutStart = "continuation of no message"
  case messageWithinMessage = "new message before the last one ended"
  case compressionNotNegotiated = "compressed message without permessage-deflate"
  case closePayloadOfOneByte = "close frame with one byte"
  case closeCodeNotAllowed = "close code that may not be sent"
}
