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

/// Why a connection is answered with an HTTP error instead of being upgraded.
package struct HTTPRefusal: Sendable, Equatable {
  /// The status of the response.
  package var status: HTTPResponseStatus
  /// A stable word for programs: `badHandshake`, `upgradeRequired`, `methodNotAllowed`,
  /// `headTooLarge`, `requestTimeout`, `overloaded` and `internal` here, others of whoever decides.
  package var code: String
  /// One sentence for people.
  package var detail: String
  /// Fields beside `Content-Length`, `Content-Type` and `Connection`.
  package var headers: HTTPHeaders

  /// Makes a response's body of a refusal, and names its media type.
  package typealias Body = @Sendable (HTTPRefusal) -> (type: String, text: String)

  /// A refusal.
  package init(
    _ status: HTTPResponseStatus, code: String, _ detail: String, headers: HTTPHeaders = [:]
  ) {
    self.status = status
    self.code = code
    self.detail = detail
    self.headers = headers
  }

  /// The sentence for people as plain text.
  package static let plainText: Body = { ("text/plain; charset=utf-8", $0.detail + "\n") }

  /// The whole response.
  func response(_ body: Body) -> ByteBuffer {
    let (type, text) = body(self)
    var fields = headers
    fields.replaceOrAdd(name: "Content-Length", value: "\(text.utf8.count)")
    fields.replaceOrAdd(name: "Content-Type", value: type)
    if fields.contains(name: "Upgrade") {
      fields.replaceOrAdd(name: "Connection", value: "Upgrade, close")
    } else {
      fields.replaceOrAdd(name: "Connection", value: "close")
    }
    var buffer = HTTPHead.encode("HTTP/1.1 \(status.code) \(status.reasonPhrase)", fields)
    buffer.writeString(text)
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
