package import NIOCore
package import NIOHTTP1

/// Opens connections in the client's role.
package enum WebSocketClient {
  /// Connects to `url` on `eventLoop`, on which this has to be called.
  ///
  /// Names are looked up and addresses tried in parallel (RFC 8305) as NIO's bootstrap does. From here
  /// to the open connection the whole attempt has `configuration.handshakeTimeout`. Fails with a
  /// `HandshakeError` and nothing else; `delegate` is then never called. Where it succeeds,
  /// `webSocketOpened` has been called before.
  ///
  /// `tls` says what is trusted for `wss`; nil reads the system's trust roots, which takes some
  /// milliseconds each time. `headers` are added to the request, an `Authorization` for instance.
  /// `subprotocols` are offered in their order; the server has to choose one, if there are any.
  package static func connect(
    to url: WebSocketURL, configuration: SharedConfiguration, tls: ClientTLS? = nil,
    proxy: ProxyPolicy = .direct, headers: HTTPHeaders = [:], subprotocols: [String] = [],
    delegate: any WebSocketDelegate, on eventLoop: any EventLoop
  ) -> EventLoopFuture<WebSocketConnection> {
    eventLoop.preconditionInEventLoop()
    let promise = eventLoop.makePromise(of: WebSocketConnection.self)
    do throws(HandshakeError) {
      let plan = try ConnectPlan(
        url: url, shared: configuration, tls: tls, proxy: proxy, headers: headers,
        subprotocols: subprotocols)
      let attempt = ConnectAttempt.start(plan, .webSocket(delegate, promise), on: eventLoop)
      promise.futureResult.assumeIsolated().whenComplete { _ in attempt.cancel() }
    } catch {
      promise.fail(error)
    }
    return promise.futureResult
  }
}
