import Glibc
package import NIOCore
package import NIOHTTP1
import NIOPosix

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
    let plan: ConnectPlan
    do throws(HandshakeError) {
      var trust: ClientTLS?
      if url.isSecure {
        if let tls { trust = tls } else { trust = try ClientTLS() }
      }
      plan = ConnectPlan(
        url: url, shared: configuration, tls: trust,
        proxy: try proxy.proxy(for: url), headers: headers, subprotocols: subprotocols)
    } catch {
      promise.fail(error)
      return promise.futureResult
    }
    start(plan, delegate, promise, eventLoop)
    return promise.futureResult
  }

  private static func start(
    _ plan: ConnectPlan, _ delegate: any WebSocketDelegate,
    _ promise: EventLoopPromise<WebSocketConnection>, _ eventLoop: any EventLoop
  ) {
    let resources = LoopResources.of(eventLoop)
    let handler = ClientHandshakeHandler(
      plan: plan, resources: resources, delegate: delegate, promise: promise)
    let bound = NIOLoopBound((handler: handler, resources: resources), eventLoop: eventLoop)
    let timeout = plan.shared.configuration.handshakeTimeout

    let channel = ClientBootstrap(group: eventLoop)
      .connectTimeout(timeout)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.readIntoSharedBuffer(of: bound.value.resources)
        }
      }
      .connect(host: plan.proxy?.host ?? plan.url.host, port: plan.proxy?.port ?? plan.url.port)
    let deadline = eventLoop.scheduleTask(in: timeout) {
      let handler = bound.value.handler
      handler.fail(.timedOut(handler.step))
      channel.whenSuccess { $0.close(promise: nil) }
    }
    // One of several addresses tried wins, so the handler is added to that one's channel only then.
    channel.assumeIsolated().whenComplete { result in
      switch result {
      case .success(let channel):
        do {
          try channel.pipeline.syncOperations.addHandler(handler)
          handler.begin()
        } catch {
          handler.fail(.dropped(.connect))
          channel.close(promise: nil)
        }
      case .failure(let error):
        handler.fail(ConnectPlan.failure(error, toProxy: plan.proxy != nil))
      }
    }
    promise.futureResult.assumeIsolated().whenComplete { _ in deadline.cancel() }
  }
}

/// All there is to know for one attempt.
struct ConnectPlan {
  var url: WebSocketURL
  var shared: SharedConfiguration
  var tls: ClientTLS?
  var proxy: ProxyEndpoint?
  var headers: HTTPHeaders
  var subprotocols: [String]

  /// What an error of NIO's bootstrap comes down to.
  static func failure(_ error: any Error, toProxy: Bool) -> HandshakeError {
    if let error = error as? NIOConnectionError {
      let errors = error.connectionErrors.map(\.error)
      if errors.isEmpty { return .connect(.nameNotFound, toProxy: toProxy) }
      // A refusal shows that somebody is there, which says more than a missing route.
      let codes = errors.compactMap { ($0 as? IOError)?.errnoCode }
      if codes.contains(ECONNREFUSED) { return .connect(.refused, toProxy: toProxy) }
      if let code = codes.first { return failure(errno: code, toProxy: toProxy) }
      return .timedOut(.connect)
    }
    if let code = (error as? IOError)?.errnoCode { return failure(errno: code, toProxy: toProxy) }
    return .timedOut(.connect)
  }

  private static func failure(errno code: Int32, toProxy: Bool) -> HandshakeError {
    switch code {
    case ECONNREFUSED: .connect(.refused, toProxy: toProxy)
    case ENETUNREACH, EHOSTUNREACH: .connect(.unreachable, toProxy: toProxy)
    case ETIMEDOUT: .timedOut(.connect)
    default: .connect(.errno(code), toProxy: toProxy)
    }
  }
}
