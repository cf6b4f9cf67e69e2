import BrokerCore
import DeviceProtocol
import Logging
import NIOCore
import TelemetryModel
import WebSocketTransport

/// Carries out what a ``DeviceSession`` decides for one device's WebSocket. Loop-bound.
final class DeviceConnection: WebSocketDelegate {
  private let device: DeviceID
  private let services: LinkServices
  private var session: DeviceSession
  private var connection: WebSocketConnection?
  private var remote: DeviceConnectionRemote?
  private var generation: UInt64?
  private var endCause: LinkEndCause?
  /// Wakes the session when it may have to end; one place in the loop's timing wheel.
  private lazy var timer = CallbackTimer { [weak self] _ in self?.deadlinePassed() }

  init(device: DeviceID, services: LinkServices) {
    self.device = device
    self.services = services
    session = DeviceSession(policy: services.devicePolicy, now: services.now())
  }

  // MARK: - From the connection

  func webSocketOpened(_ connection: WebSocketConnection) {
    self.connection = connection
    remote = DeviceConnectionRemote(self, loop: connection.eventLoop)
    armTimer()
  }

  func webSocket(_ connection: WebSocketConnection, receivedText text: ByteBuffer) {
    let message: AgentMessage
    do {
      message = try AgentMessage.decode(text.readableBytesUInt8Span)
    } catch {
      return carryOut(session.close(.protocolError, "\(error)"), text)
    }
    carryOut(session.received(message, now: services.now()), text)
  }

  func webSocket(_ connection: WebSocketConnection, receivedBinary binary: ByteBuffer) {
    connection.close(code: 1003, reason: "messages are JSON text")
  }

  func webSocketReceivedPong(_ connection: WebSocketConnection, payload: ByteBuffer) {
    session.heard(now: services.now())
  }

  func webSocketClosed(_ connection: WebSocketConnection, _ end: WebSocketEnd) {
    _ = session.close(.normal, "")
    LoopResources.of(connection.eventLoop).wheel.cancel(timer)
    self.connection = nil
    guard let generation else { return }
    let cause = endCause ?? LinkEndCause(end)
    let now = services.now()
    services.metrics.linkEnded(cause)
    if let status = services.registry.detach(
      device: device, generation: generation, cause: cause.rawValue, now: now)
    {
      services.pipeline.remember(StoredDevice(status, lastSeen: now))
    }
    services.logger.info(
      "Device link ended",
      metadata: [
        "device": "\(device)", "cause": "\(cause.rawValue)", "code": "\(end.code)",
        "reason": "\(end.reason)",
      ])
  }

  // MARK: - From elsewhere, by way of the remote

  func opened(_ acked: SequenceRanges, _ hello: Hello) {
    guard let connection, let remote, !session.isClosed else { return }
    let now = services.now()
    let summary = LinkSummary(
      transport: connection.negotiated.deflate == nil ? "ws" : "ws+deflate",
      remoteAddress: connection.remoteAddress?.ipAddress, since: now)
    let attachment = services.registry.attach(
      device: device, hello: hello, link: remote, summary: summary, now: now)
    generation = attachment.generation
    attachment.replaced?.replacedByNewerLink()
    services.pipeline.remember(StoredDevice(attachment.status, lastSeen: now))
    services.metrics.linkOpened()
    services.logger.info(
      "Device link open",
      metadata: [
        "device": "\(device)", "generation": "\(attachment.generation)",
        "agent": "\(hello.agent.name) \(hello.agent.version)", "transport": "\(summary.transport)",
        "lastLink": "\(hello.lastLink?.cause ?? "none")",
      ])
    carryOut(
      session.opened(
        session: services.newSessionID(), generation: attachment.generation, acked: acked,
        server: services.server, now: now))
    armTimer()
  }

  func notOpened() {
    endCause = .overloaded
    carryOut(session.close(.overloaded, "the store is unavailable"))
  }

  func committed(_ ranges: SequenceRanges) {
    carryOut(session.committed(ranges))
  }

  func refused(_ refusal: PackRefusal) {
    send(.error(id: nil, RPCError(refusal)))
  }

  func replaced() {
    endCause = .replaced
    carryOut(session.close(.replaced, "a newer link of this device took over"))
  }

  func revoked() {
    guard !session.isClosed else { return }
    endCause = .revoked
    carryOut(session.close(.revoked, "an operator had it forgotten"))
  }

  func goodbye(_ bye: Bye) {
    guard !session.isClosed else { return }
    endCause = .brokerStopped
    send(.bye(bye))
    carryOut(session.close(.serviceRestart, bye.reason))
  }

  private func deadlinePassed() {
    let actions = session.tick(now: services.now())
    if !actions.isEmpty, endCause == nil { endCause = .silent }
    carryOut(actions)
    armTimer()
  }

  // MARK: - Carrying out

  private func carryOut(_ actions: [DeviceSession.Action], _ message: ByteBuffer = ByteBuffer()) {
    for action in actions {
      switch action {
      case .open(let hello): open(hello)
      case .send(let message): send(message)
      case .submit(let seq, let pack): submit(seq, pack, of: message)
      case .keep(let gap): keep(gap)
      case .close(let reason, let text):
        if reason == .protocolError, endCause == nil { endCause = .protocolError }
        connection?.close(code: reason.code, reason: reason.text(text))
      }
    }
  }

  private func send(_ message: BrokerMessage) {
    var bytes: [UInt8] = []
    message.encode(into: &bytes)
    connection?.send(text: bytes)
  }

  private func open(_ hello: Hello) {
    guard let remote else { return }
    let pipeline = services.pipeline
    let device = device
    Task {
      do {
        remote.opened(try await pipeline.ackedRanges(device: device, epoch: hello.epoch), hello)
      } catch {
        remote.notOpened()
      }
    }
  }

  private func submit(_ seq: UInt64, _ range: Range<Int>, of message: ByteBuffer) {
    guard let remote, let epoch = session.epoch else { return }
    let now = services.now()
    var pack = IncomingPack(
      device: device, epoch: epoch, seq: seq, records: [], received: now, origin: remote)
    do {
      pack.records = try SenMLDecoder.decode(
        message.readableBytesUInt8Span.extracting(range), now: now)
    } catch {
      pack.malformed = PackRefusal(
        seq: seq, record: error.record, count: 1, code: .malformed, text: "\(error)")
    }
    guard services.pipeline.submit(pack) else { return overloaded() }
  }

  private func keep(_ gap: Gap) {
    guard let remote, let epoch = session.epoch else { return }
    let kept = services.pipeline.submit(
      IncomingGap(
        gap: StoredGap(
          device: device, epoch: epoch, range: gap.range, reason: gap.reason,
          reported: services.now()), origin: remote))
    if !kept { overloaded() }
  }

  private func overloaded() {
    guard !session.isClosed else { return }
    endCause = .overloaded
    send(.bye(Bye(reason: "overloaded", reconnectAfter: .seconds(5)...(.seconds(30)))))
    carryOut(session.close(.overloaded, "too much waits for the store"))
  }

  private func armTimer() {
    guard let connection, let deadline = session.deadline else { return }
    let wait = max(.milliseconds(1), deadline - services.now())
    LoopResources.of(connection.eventLoop).wheel.set(
      timer, at: connection.eventLoop.now + TimeAmount(wait))
  }
}

/// A link as other threads hold it: everything hops to the link's loop.
final class DeviceConnectionRemote: DeviceLinkHandle, PackOrigin {
  private let link: NIOLoopBound<DeviceConnection>
  private let loop: any EventLoop

  /// Call on the loop.
  init(_ link: DeviceConnection, loop: any EventLoop) {
    self.link = NIOLoopBound(link, eventLoop: loop)
    self.loop = loop
  }

  func packsCommitted(_ ranges: SequenceRanges) {
    loop.execute { self.link.value.committed(ranges) }
  }

  func recordsRefused(_ refusal: PackRefusal) {
    loop.execute { self.link.value.refused(refusal) }
  }

  func replacedByNewerLink() {
    loop.execute { self.link.value.replaced() }
  }

  func revoked() {
    loop.execute { self.link.value.revoked() }
  }

  func goodbye(_ bye: Bye) {
    loop.execute { self.link.value.goodbye(bye) }
  }

  func opened(_ acked: SequenceRanges, _ hello: Hello) {
    loop.execute { self.link.value.opened(acked, hello) }
  }

  func notOpened() {
    loop.execute { self.link.value.notOpened() }
  }
}

extension LinkEndCause {
  /// What the end of a connection says about the device's.
  fileprivate init(_ end: WebSocketEnd) {
    switch end.cause {
    case .closedByPeer: self = .closedByDevice
    case .failed(.keepaliveTimedOut): self = .silent
    case .failed(.outboundOverflow): self = .overloaded
    case .failed(.transport): self = .dropped
    case .failed: self = .protocolError
    case .closedHere: self = .closedByDevice
    case .dropped: self = .dropped
    }
  }
}

extension StoredDevice {
  fileprivate init(_ status: DeviceStatus, lastSeen: Timestamp) {
    self.init(
      id: status.device, labels: status.ownLabels, agent: status.agent, lastSeen: lastSeen)
  }
}

extension RPCError {
  /// A refusal as the device is told it: an error that answers no request, its field saying which
  /// pack and record is meant.
  fileprivate init(_ refusal: PackRefusal) {
    let word: Word =
      switch refusal.code {
      case .unitChanged: .conflict
      case .badName: .notYourDevice
      case .farFuture: .timeInFuture
      case .unsupportedValue: .invalidField
      case .malformed: .malformed
      }
    let record = refusal.record.map { ".pack[\($0)]" } ?? ""
    self.init(word, refusal.text, field: "telemetry[\(refusal.seq)]\(record)")
  }
}
