import NIOCore
package import NIOHTTP1

/// What becomes of a connection, decided by its first request.
package enum UpgradeDecision: Sendable {
  /// This is a WebSocket endpoint. A request that is not a proper handshake gets its HTTP error.
  case upgrade(WebSocketAcceptance)
  /// Answer with this and close.
  case refuse(HTTPRefusal)
  /// Not for us: the ordinary HTTP pipeline gets the connection with every byte unread.
  case http
}

/// How a handshake is accepted.
package struct WebSocketAcceptance: Sendable {
  /// The subprotocols spoken here; the first of the client's list that is among them is chosen.
  package var subprotocols: [String]
  /// Refuse (400) a client that offers none of them.
  package var requiresSubprotocol: Bool
  /// Fields added to the 101 response.
  package var headers: HTTPHeaders
  /// Another configuration than the handler's; nil for that one.
  package var configuration: SharedConfiguration?
  /// Makes the connection's delegate, on the channel's loop.
  package var makeDelegate: @Sendable () -> any WebSocketDelegate

  /// An acceptance; by default of clients that offer no subprotocol too.
  package init(
    subprotocols: [String] = [], requiresSubprotocol: Bool = false, headers: HTTPHeaders = [:],
    configuration: SharedConfiguration? = nil,
    makeDelegate: @escaping @Sendable () -> any WebSocketDelegate
  ) {
    self.subprotocols = subprotocols
    self.requiresSubprotocol = requiresSubprotocol
    self.headers = headers
    self.configuration = configuration
    self.makeDelegate = makeDelegate
  }
}

/// An HTTP response that ends a connection instead of upgrading it.
package struct HTTPRefusal: Sendable, Equatable {
  /// The status.
  package var status: HTTPResponseStatus
  /// Fields beside `Content-Length`, `Content-Type` (unless given) and `Connection`.
  package var headers: HTTPHeaders
  /// The body, plain text unless `headers` says otherwise.
  package var body: String

  /// A response; by default its body is the status in words.
  package init(_ status: HTTPResponseStatus, headers: HTTPHeaders = [:], body: String? = nil) {
    self.status = status
    self.headers = headers
    self.body = body ?? "\(status.code) \(status.reasonPhrase)\n"
  }

  /// The whole response.
  var bytes: ByteBuffer {
    var fields = headers
    fields.replaceOrAdd(name: "Content-Length", value: "\(body.utf8.count)")
    if !fields.contains(name: "Content-Type") {
      fields.add(name: "Content-Type", value: "text/plain; charset=utf-8")
    }
    if fields.contains(name: "Upgrade") {
      fields.replaceOrAdd(name: "Connection", value: "Upgrade, close")
    } else {
      fields.replaceOrAdd(name: "Connection", value: "close")
    }
    var buffer = HTTPHead.encode("HTTP/1.1 \(status.code) \(status.reasonPhrase)", fields)
    buffer.writeString(body)
    return buffer
  }
}

extension HTTPHead {
  /// A head's bytes: start line, fields, empty line. Line ends within values become blanks, so that no
  /// value can add a field.
  static func encode(_ startLine: String, _ headers: HTTPHeaders) -> ByteBuffer {
    var buffer = ByteBuffer()
    buffer.writeString(startLine + "\r\n")
    for (name, value) in headers {
      buffer.writeString(name + ": ")
      buffer.writeBytes(value.utf8.map { $0 == 0x0D || $0 == 0x0A || $0 == 0 ? 0x20 : $0 })
      buffer.writeString("\r\n")
    }
    buffer.writeString("\r\n")
    return buffer
  }
}
