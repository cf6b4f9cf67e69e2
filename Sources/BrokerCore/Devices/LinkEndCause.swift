package import DeviceProtocol

/// How a device's link ended, as the broker sees it; the last one's is why the device is offline.
/// A closed set: metrics are labelled with it.
package enum LinkEndCause: String, CaseIterable, Sendable {
  /// The device closed it in order.
  case closedByDevice
  /// It ended without a word.
  case dropped
  /// Nothing was heard for longer than the heartbeat allows.
  case silent
  /// The same device opened a newer one.
  case replaced
  /// A newer one took over in order, before this one ended.
  case handedOver
  /// An operator had the device forgotten.
  case revoked
  /// The device broke the protocol.
  case protocolError
  /// The device sent more than it may.
  case rateLimited
  /// The broker asked it to come back later.
  case overloaded
  /// The broker stopped.
  case brokerStopped
  /// The broker failed.
  case internalError
  /// The broker ended without being able to say so, and the device has not been here since.
  case brokerStarted

  /// What a close of the broker's own means.
  package init(closing reason: CloseReason) {
    switch reason {
    case .normal, .goingAway, .rebalanced: self = .handedOver
    case .heartbeatLost: self = .silent
    case .replaced: self = .replaced
    case .revoked: self = .revoked
    case .overloaded: self = .overloaded
    case .serviceRestart: self = .brokerStopped
    case .rateLimited, .readerTooSlow: self = .rateLimited
    case .internalError: self = .internalError
    case .protocolViolation, .unsupportedData, .invalidText, .policyViolation, .messageTooLarge,
      .protocolError, .versionNotSupported, .sessionUnknown, .tokenExpired, .authenticationFailed,
      .notEnrolled:
      self = .protocolError
    }
  }
}

/// How a device's messages travel. A closed set: metrics are labelled with it.
package enum LinkTransport: String, CaseIterable, Sendable {
  /// WebSocket without compression.
  case webSocket = "ws"
  /// WebSocket with permessage-deflate.
  case webSocketDeflate = "ws+deflate"
  /// Posts up, held or short requests down.
  case http
}
