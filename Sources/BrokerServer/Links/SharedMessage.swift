import BrokerCore
import NIOCore
import Synchronization
import WebSocketTransport

/// One message for many readers, in every form that some of them need; each is made once, by the first
/// who asks. Safe from any thread.
final class SharedMessage: Sendable {
  let message: LiveMessage
  private let socket = Mutex<PreparedMessage?>(nil)
  private let stream = Mutex<StreamEvent?>(nil)

  init(_ message: LiveMessage) {
    self.message = message
  }

  /// For WebSockets.
  var prepared: PreparedMessage {
    socket.withLock { known in
      if let known { return known }
      let made = PreparedMessage(text: message.rpc)
      known = made
      return made
    }
  }

  /// For streams of events.
  var event: StreamEvent {
    stream.withLock { known in
      if let known { return known }
      let made = StreamEvent(message.event)
      known = made
      return made
    }
  }
}
