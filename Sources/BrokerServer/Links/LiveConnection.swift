import BrokerCore
import DeviceProtocol
import Logging
import NIOCore
import TelemetryModel
import WebSocketTransport

/// One dashboard's WebSocket: takes its requests to the hub, and writes what the hub has for it.
/// Loop-bound.
///
/// A reader that does not keep up is not waited for: while more than the high watermark waits for it
/// messages of feeds are left out, and when it reads again a `gap` says from when to when.
final class LiveConnection: WebSocketDelegate {
  /// How long a reader may take nothing at all before it is closed with 4002.
  private static let patience: TimeAmount = .seconds(30)
  /// The most subscriptions of one connection.
  private static let maxSubscriptions = 64

  let services: LinkServices
  private var connection: WebSocketConnection?
  private var reader: ReaderID?
  private var subscriptions = 0
  /// Feeds that something was left out of, and since when.
  private var missed: [FeedID: Timestamp] = [:]
  private lazy var patienceTimer = CallbackTimer { [weak self] _ in self?.lostPatience() }

  init(services: LinkServices) {
    self.services = services
  }

  // MARK: - From the connection

  func webSocketOpened(_ connection: WebSocketConnection) {
    self.connection = connection
    reader = services.readers.add(self, on: connection.eventLoop)
  }

  func webSocket(_ connection: WebSocketConnection, receivedText text: ByteBuffer) {
    do {
      carryOut(try LiveRequest.decode(text.readableBytesUInt8Span, now: services.now()))
    } catch {
      guard let id = error.id else {
        return connection.close(code: CloseReason.protocolError.code, reason: error.closeText)
      }
      refuse(id, error.rpcError)
    }
  }

  func webSocket(_ connection: WebSocketConnection, receivedBinary binary: ByteBuffer) {
    connection.close(code: 1003, reason: "messages are JSON text")
  }

  func webSocketWritabilityChanged(_ connection: WebSocketConnection) {
    let wheel = LoopResources.of(connection.eventLoop).wheel
    guard connection.isWritable else {
      return wheel.set(patienceTimer, at: connection.eventLoop.now + LiveConnection.patience)
    }
    wheel.cancel(patienceTimer)
    let now = services.now()
    for (feed, since) in missed {
      send(
        LiveAnswer.gap(
          subscription: feed.description, from: since, to: now, reason: "slow reader"))
    }
    missed.removeAll()
  }

  func webSocketClosed(_ connection: WebSocketConnection, _ end: WebSocketEnd) {
    LoopResources.of(connection.eventLoop).wheel.cancel(patienceTimer)
    self.connection = nil
    guard let reader else { return }
    services.readers.remove(reader)
    let (hub, commands) = (services.hub, services.commands)
    Task {
      await hub.remove(reader)
      await commands?.remove(reader)
    }
  }

  // MARK: - From the hub

  /// A message for this reader alone.
  func deliver(_ message: [UInt8]) {
    send(message)
  }

  /// A message of a feed, the same for all its readers.
  func deliver(_ message: PreparedMessage, of feed: FeedID) {
    guard let connection else { return }
    guard connection.isWritable else {
      if missed[feed] == nil { missed[feed] = services.now() }
      return
    }
    _ = connection.send(message)
  }

  func close(code: UInt16, reason: String) {
    connection?.close(code: code, reason: reason)
  }

  private func lostPatience() {
    guard let connection, !connection.isWritable else { return }
    connection.close(
      code: CloseReason.readerTooSlow.code, reason: CloseReason.readerTooSlow.text)
  }

  // MARK: - Requests

  private func carryOut(_ request: LiveRequest) {
    guard let reader else { return }
    let hub = services.hub
    switch request {
    case .subscribe(let id, let wanted):
      subscribe(id, wanted, reader)
    case .unsubscribe(let id, let name):
      let readers = services.readers
      subscriptions = max(0, subscriptions - 1)
      Task {
        let known = await hub.unsubscribe(reader, feed: name)
        readers.send(
          known
            ? LiveAnswer.done(id)
            : LiveAnswer.refusal(
              id, RPCError(.notFound, "there is no such subscription", field: "subscription")),
          to: reader)
      }
    case .watchDevices(let id):
      Task { await hub.watchDevices(reader, request: id) }
    case .command(let id, let call):
      let address = connection?.channel?.remoteAddress?.ipAddress
      carryOut(id, call, for: reader, as: CommandDesk.actor(at: address))
    case .authenticate(let id, _):
      // An open broker lets everyone in.
      send(LiveAnswer.done(id))
    case .heartbeat(let id, let mono):
      send(LiveAnswer.heartbeat(id, monoSeconds: mono, now: services.now()))
    case .unknownRequest(let id, let method):
      refuse(id, .unknownMethod(method))
    case .ignored:
      break
    }
  }

  private func subscribe(_ id: String, _ wanted: SubscribeParams, _ reader: ReaderID) {
    guard subscriptions < LiveConnection.maxSubscriptions else {
      return refuse(
        id,
        RPCError(
          .limitExceeded, "too many subscriptions on one connection", field: "subscribe",
          limit: Double(LiveConnection.maxSubscriptions)))
    }
    if wanted.groupBy != nil {
      return refuse(
        id,
        RPCError(.invalidField, "groupBy is not served by this version", field: "params.groupBy"))
    }
    let subscription = Subscription(
      query: SeriesQuery(
        devices: wanted.query.devices?.map { Glob($0) },
        metrics: wanted.query.metrics?.map { Glob($0) },
        labels: wanted.query.labels.mapValues { Glob($0) }),
      resolution: wanted.resolution, functions: wanted.functions)
    let hub = services.hub
    let since: Since
    switch wanted.since {
    case .now: since = .now
    case .time(let time): since = .time(time)
    case .cursor(let text):
      guard let cursor = Cursor(text) else {
        return refuse(
          id,
          RPCError(
            .invalidField, "expected a cursor, a time, or a relative time (-10m)",
            field: "params.since"))
      }
      since = .cursor(cursor)
    }
    subscriptions += 1
    Task { await hub.subscribe(subscription, since: since, request: id, reader: reader) }
  }

  private func refuse(_ id: String, _ error: RPCError) {
    send(LiveAnswer.refusal(id, error))
  }

  private func send(_ message: [UInt8]) {
    _ = connection?.send(text: message)
  }
}
