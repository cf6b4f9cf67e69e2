import BrokerCore
import DeviceProtocol
import Logging
import NIOCore
import TelemetryModel
import WebSocketTransport

/// One dashboard's WebSocket: takes its requests to the hub, and writes what the hub has for it.
/// Loop-bound.
///
/// A reader that does not keep up is not waited for: while more than the high watermark waits for it,
/// `ReaderPace` says what becomes of messages.
final class LiveConnection: WebSocketDelegate, PacedReader {
  let services: LinkServices
  private var connection: WebSocketConnection?
  private(set) var reader: ReaderID?
  var pace = ReaderPace()
  private var patience = ReaderPatience()
  private lazy var patienceTimer = CallbackTimer { [weak self] _ in self?.lookAtProgress() }

  init(services: LinkServices) {
    self.services = services
  }

  // MARK: - From the connection

  func webSocketOpened(_ connection: WebSocketConnection) {
    self.connection = connection
    connection.channel?.limitSendBuffer()
    reader = services.readers.add(self, on: connection.eventLoop)
    // Upgraded just before the broker began to stop.
    if reader == nil { connection.close(code: 1012, reason: "the broker is restarting") }
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
      patience.begin(taken: taken(connection))
      return wheel.set(
        patienceTimer, at: connection.eventLoop.now + TimeAmount(ReaderPatience.limit))
    }
    patience.end()
    wheel.cancel(patienceTimer)
    goOn()
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

  var isReady: Bool { connection?.isWritable ?? false }

  func deliver(_ message: LiveMessage) {
    _ = connection?.send(text: message.rpc)
  }

  func send(_ message: SharedMessage) {
    _ = connection?.send(message.prepared)
  }

  func close(code: UInt16, reason: String) {
    connection?.close(code: code, reason: reason)
  }

  private func taken(_ connection: WebSocketConnection) -> UInt64 {
    connection.counters.wireBytesOut &- UInt64(connection.bufferedBytes)
  }

  private func lookAtProgress() {
    guard let connection, !connection.isWritable else { return }
    guard patience.isOver(taken: taken(connection)) else {
      return LoopResources.of(connection.eventLoop).wheel.set(
        patienceTimer, at: connection.eventLoop.now + TimeAmount(ReaderPatience.limit))
    }
    connection.close(
      code: CloseReason.readerTooSlow.code, reason: CloseReason.readerTooSlow.text)
  }

  // MARK: - Requests

  private func carryOut(_ request: LiveRequest) {
    guard let reader else { return }
    let hub = services.hub
    switch request {
    case .subscribe(let id, let wanted):
      subscribe(id, wanted)
    case .unsubscribe(let id, let name):
      let readers = services.readers
      Task {
        let known = await hub.unsubscribe(reader, feed: name)
        readers.send(
          known
            ? LiveMessage(done: id)
            : LiveMessage(
              refusing: id,
              RPCError(.notFound, "there is no such subscription", field: "params.subscription")),
          to: reader)
      }
    case .watchDevices(let id):
      ask(.watchDevices(id), id)
    case .command(let id, let call):
      let address = connection?.channel?.remoteAddress?.ipAddress
      carryOut(id, call, for: reader, as: CommandDesk.actor(at: address))
    case .authenticate(let id, _):
      // An open broker lets everyone in.
      deliver(LiveMessage(done: id))
    case .heartbeat(let id, let mono):
      _ = connection?.send(
        text: LiveAnswer.heartbeat(id, monoSeconds: mono, now: services.now()))
    case .unknownRequest(let id, let method):
      refuse(id, .unknownMethod(method))
    case .ignored:
      break
    }
  }

  private func subscribe(_ id: String, _ wanted: SubscribeParams) {
    do {
      let (subscription, since) = try Subscription.wanted(wanted)
      ask(.subscribe(id, subscription, since), id)
    } catch {
      refuse(id, error)
    }
  }

  private func ask(_ request: ReaderPace.Request, _ id: String) {
    guard !ask(request) else { return }
    refuse(
      id,
      RPCError(
        .limitExceeded, "too many requests wait until their answers can be taken",
        limit: Double(ReaderPace.maxRequests)))
  }

  private func refuse(_ id: String, _ error: RPCError) {
    deliver(LiveMessage(refusing: id, error))
  }
}
