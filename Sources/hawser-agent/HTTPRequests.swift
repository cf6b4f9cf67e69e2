import AgentCore
import DeviceProtocol
import NIOCore
import NIOHTTP1
import WebSocketTransport

/// How exchanges of a device session become HTTP requests, and where they go.
struct HTTPRequests: Sendable {
  /// The device link's address; those of sessions are below it.
  let url: WebSocketURL
  let configuration: SharedConfiguration
  let tls: ClientTLS?
  let proxy: ProxyPolicy

  /// A new connection; on the loop.
  func connect(on loop: any EventLoop) -> EventLoopFuture<HTTPClientConnection> {
    HTTPClientConnection.connect(
      to: url, configuration: configuration, tls: tls, proxy: proxy, on: loop)
  }

  /// Makes the request over a connection.
  func send(
    _ exchange: HTTPExchange, over connection: HTTPClientConnection
  ) -> EventLoopFuture<HTTPReply> {
    switch exchange {
    case .open(let hello): post(hello, sessions + query, connection)
    case .up(let session, let messages): post(messages, "\(sessions)/\(session)/up", connection)
    case .down(let session):
      connection.request(.GET, "\(sessions)/\(session)/down", headers, body: nil)
    case .end(let session):
      connection.request(.DELETE, "\(sessions)/\(session)", headers, body: nil)
    }
  }

  private func post(
    _ body: [UInt8], _ target: String, _ connection: HTTPClientConnection
  ) -> EventLoopFuture<HTTPReply> {
    var headers = headers
    headers.add(name: "Content-Type", value: "application/x-ndjson")
    headers.add(name: "Content-Length", value: "\(body.count)")
    return connection.request(.POST, target, headers, body: ByteBuffer(bytes: body))
  }

  /// The path that sessions are below, with what stands before the broker's own paths.
  private var sessions: String {
    let link = url.target.prefix { $0 != "?" }
    return link.dropLast(DeviceLink.path.count) + DeviceLink.sessionPath
  }

  private var query: String { String(url.target.drop { $0 != "?" }) }

  /// Caches on the way have no business with it.
  private var headers: HTTPHeaders {
    [
      "Host": url.hostField, "User-Agent": "hawser-agent", "Cache-Control": "no-store",
      "Accept": "application/x-ndjson",
    ]
  }
}
