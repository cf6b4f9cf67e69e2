import BrokerCore
import DeviceProtocol
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import TelemetryModel
import WebSocketTransport

/// Decides what a connection of the one port becomes: a device link, a live link, or plain HTTP.
struct OnePort: Sendable {
  private let links: LinkServices
  private let hostCheck: HostCheck
  let firstRequest: SharedConfiguration
  private let device: SharedConfiguration
  private let live: SharedConfiguration

  init(parts: BrokerParts, configuration: BrokerConfiguration) {
    links = parts.links
    hostCheck = HostCheck(
      loopbackOnly: configuration.listen.isLoopback, allowedOrigins: configuration.allowedOrigins)
    var base = WebSocketConfiguration()
    base.handshakeTimeout = TimeAmount(configuration.requestTimeout)
    base.closeTimeout = TimeAmount(configuration.closeTimeout)
    base.maxMessageBytes = configuration.devices.maxMessageBytes
    base.maxFrameBytes = configuration.devices.maxMessageBytes
    base.compression = configuration.compression.map { DeflateSettings($0) }
    firstRequest = SharedConfiguration(base)
    device = SharedConfiguration(base)
    // Browsers send no heartbeat of their own, but answer pings.
    // The pong of a slow reader comes when it has read what waits before the ping; one whose pong does not
    // come has read nothing. Where so much waits that nothing more is taken, that is seen elsewhere.
    base.keepalive = .init(
      timeout: .seconds(60),
      closing: ClosePayload(
        code: CloseReason.readerTooSlow.code, reason: CloseReason.readerTooSlow.text))
    // What dashboards get others get as well.
    base.compression?.sharesHistory = true
    base.compression?.historyBytes = 4_096
    live = SharedConfiguration(base)
  }

  func decide(_ head: HTTPRequestHead) -> UpgradeDecision {
    guard head.headers.contains(name: "upgrade") else { return .http }
    let uri = URI(head.uri)
    switch uri.path {
    case DeviceLink.path: return deviceLink(head, uri)
    case LiveLink.path: return liveLink(head)
    default: return .http
    }
  }

  private func deviceLink(_ head: HTTPRequestHead, _ uri: URI) -> UpgradeDecision {
    if let refusal = hostCheck.refusal(head) { return .refuse(.forbidden(refusal)) }
    let names = uri.queryParameters.getAll("device")
    guard names.count == 1, let name = names.first, let device = try? DeviceID(name) else {
      return .refuse(
        HTTPRefusal(
          .badRequest, code: "invalidParameter",
          "An open broker wants /v1/device?device=ID, a name of 1 to 64 bytes (RFC 8428 4.5.1)."))
    }
    if case .comeBack(let wait, let cause) = links.admission.arrival() {
      return .refuse(.comeBack(after: wait, cause))
    }
    let links = links
    return .upgrade(
      WebSocketAcceptance(
        subprotocols: [DeviceLink.subprotocol], requiresSubprotocol: true,
        configuration: self.device
      ) {
        DeviceConnection(device: device, services: links)
      })
  }

  private func liveLink(_ head: HTTPRequestHead) -> UpgradeDecision {
    if let refusal = hostCheck.refusal(head) { return .refuse(.forbidden(refusal)) }
    if links.readers.isClosing {
      return .refuse(.comeBack(after: LiveReaders.returnAfter(), .stopping))
    }
    let links = links
    return .upgrade(
      WebSocketAcceptance(
        subprotocols: [LiveLink.subprotocol], requiresSubprotocol: false, configuration: live
      ) {
        LiveConnection(services: links)
      })
  }
}

extension HTTPRefusal {
  fileprivate static func forbidden(_ text: String) -> HTTPRefusal {
    HTTPRefusal(.forbidden, code: "forbiddenOrigin", text)
  }
}

extension DeflateSettings {
  fileprivate init(_ compression: BrokerConfiguration.Compression) {
    self.init()
    level = compression.level
    peerWindowBits = compression.windowBits
    historyBytes = 1 << compression.windowBits
  }
}

/// A connection of the one port as Hummingbird's server sees it.
///
/// NIO reads nothing before `setup`'s future is done, so what the connection becomes is another
/// future: `handle` waits for it, serves HTTP, or returns and leaves a WebSocket to its handlers.
struct OnePortChannel: ServerChildChannel {
  struct Value: ServerChildChannelValue {
    let channel: any Channel
    /// The HTTP connection it became; nil where it became a WebSocket, or was refused or lost.
    let http: EventLoopFuture<HTTP1Channel.Value?>
  }

  private let endpoint: OnePort
  private let http: HTTP1Channel
  private let connections: HTTPConnections

  init(
    endpoint: OnePort, connections: HTTPConnections,
    responder: @escaping HTTPChannelHandler.Responder
  ) {
    self.endpoint = endpoint
    self.connections = connections
    http = HTTP1Channel(
      responder: responder,
      configuration: .init(
        idleTimeout: .seconds(60),
        httpDecoderConfiguration: .init(
          maxHeaderFieldSize: 16 << 10, maxHeaderListSize: 32 << 10, maxHeaderFieldCount: 100)))
  }

  func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
    channel.eventLoop.makeCompletedFuture {
      let outcome = channel.eventLoop.makePromise(of: HTTP1Channel.Value?.self)
      channel.closeFuture.whenComplete { _ in outcome.succeed(nil) }
      let endpoint = endpoint
      let http = http
      let handler = FirstRequestHandler(
        configuration: endpoint.firstRequest,
        refusalBody: { Problem.body(of: $0) },
        decide: { head, channel in
          let decision = endpoint.decide(head)
          if case .http = decision {} else { outcome.succeed(nil) }
          return channel.eventLoop.makeSucceededFuture(decision)
        },
        installHTTP: { channel in
          // Next to the socket, so that it counts the bytes that go.
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(ResponsePatience(on: channel.eventLoop))
          }.flatMap {
            http.setup(channel: channel, logger: logger)
          }.flatMapThrowing { connection in
            try OldVersionHandler.add(to: channel)
            try BadRequestHandler.add(to: channel)
            outcome.succeed(connection)
          }
        })
      try channel.pipeline.syncOperations.addHandler(handler)
      return Value(channel: channel, http: outcome.futureResult)
    }
  }

  func handle(value: Value, logger: Logger) async {
    guard let connection = try? await value.http.get() else { return }
    await connections.hold(connection.channel) {
      await http.handle(value: connection, logger: logger)
    }
  }
}
