import BrokerCore
import DeviceProtocol
import Logging
import NIOCore
import TelemetryModel
import WebSocketTransport

/// Carries out what a ``DeviceSession`` decides for one device's link, whatever transports it.
/// Loop-bound.
final class DeviceConnection {
  let device: DeviceID
  let services: LinkServices
  var session: DeviceSession
  var reader: PackReader
  var transport: (any DeviceTransport)?
  var remote: DeviceConnectionRemote?
  var generation: UInt64?
  /// Why this side closed, if it did.
  var closeReason: CloseReason?
  var countsAsSpare = false
  var kind = LinkTransport.webSocket
  /// Wakes the session when it may have to end; one place in the loop's timing wheel.
  private lazy var timer = CallbackTimer { [weak self] _ in self?.deadlinePassed() }

  init(device: DeviceID, services: LinkServices, repeatsAcks: Bool = false) {
    self.device = device
    self.services = services
    session = DeviceSession(
      policy: services.devicePolicy, repeatsAcks: repeatsAcks, now: services.steady())
    reader = services.pipeline.makeReader(for: device)
  }

  // MARK: - From the transport

  func opened(over transport: any DeviceTransport) {
    self.transport = transport
    kind = transport.kind
    remote = DeviceConnectionRemote(self, loop: transport.eventLoop)
    armTimer()
  }

  /// One message as it came.
  func received(_ text: ByteBuffer) {
    let message: AgentMessage
    do {
      message = try AgentMessage.decode(text.readableBytesUInt8Span)
    } catch {
      return carryOut(session.close(.protocolError, "\(error)"), text)
    }
    // The registry fences a link a moment before the link is told why.
    if let remote, remote.fence.isShut { return }
    carryOut(session.received(message, now: services.steady(), wall: services.now()), text)
  }

  /// A sign of life that is no message.
  func heard() {
    session.heard(now: services.steady())
  }

  /// The transport is over; `cause` holds unless this side closed it.
  func ended(_ cause: LinkEndCause, detail: String) {
    guard let transport else { return }
    let wasHandedOver = session.isHandedOver
    _ = session.close(.normal, "")
    LoopResources.of(transport.eventLoop).wheel.cancel(timer)
    self.transport = nil
    if countsAsSpare { services.registry.closeSpare(device: device) }
    guard let generation else { return }
    let cause = wasHandedOver ? .handedOver : closeReason.map(LinkEndCause.init(closing:)) ?? cause
    let now = services.now()
    services.metrics.linkEnded(cause, kind)
    if let status = services.registry.detach(
      device: device, generation: generation, cause: cause, now: now)
    {
      services.pipeline.remember(StoredDevice(status, lastSeen: now))
    }
    services.logger.info(
      "Device link ended",
      metadata: [
        "device": "\(device)", "cause": "\(cause.rawValue)", "generation": "\(generation)",
        "detail": "\(detail)",
      ])
  }

  // MARK: - From elsewhere, by way of the remote

  func opened(_ acked: SequenceRanges, _ hello: Hello) {
    guard let transport, let remote, !session.isClosed else { return }
    let now = services.now()
    let name = services.newSessionID()
    let summary = LinkSummary(transport: kind, remoteAddress: transport.remoteIP, since: now)
    let attachment = services.registry.attach(
      device: device, hello: hello, session: name, link: remote, summary: summary, now: now)
    generation = attachment.generation
    let isHandover = attachment.tellOlder()
    services.pipeline.remember(StoredDevice(attachment.status, lastSeen: now))
    services.metrics.linkOpened(kind, handedOver: isHandover)
    services.logger.info(
      "Device link open",
      metadata: [
        "device": "\(device)", "generation": "\(attachment.generation)",
        "agent": "\(hello.agent.name) \(hello.agent.version)", "transport": "\(kind.rawValue)",
        "lastLink": "\(hello.lastLink?.cause ?? "none")", "handover": "\(isHandover)",
      ])
    transport.sessionOpened(name)
    carryOut(
      session.opened(
        session: name, generation: attachment.generation, acked: acked, server: services.server,
        now: services.steady(), wall: now))
    services.commands?.linkOpened(device, generation: attachment.generation, link: remote)
    armTimer()
  }

  func notOpened() {
    overloaded(.storeUnavailable)
  }

  func committed(_ ranges: SequenceRanges) {
    carryOut(session.committed(ranges))
  }

  func refused(_ refusal: PackRefusal) {
    guard let remote, !remote.fence.isShut, !session.isClosed else { return }
    send(.error(id: nil, RPCError(refusal)))
  }

  func replaced() {
    carryOut(session.close(.replaced, "a newer link of this device took over"))
  }

  func revoked() {
    carryOut(session.close(.revoked, "an operator had it forgotten"))
  }

  func handedOver() {
    session.handedOver(now: services.steady())
    armTimer()
  }

  func sendToDevice(_ message: BrokerMessage) {
    guard let remote, !remote.fence.isShut, session.isOpen else { return }
    send(message)
  }

  func goodbye(_ bye: Bye, _ reason: CloseReason) {
    guard !session.isClosed else { return }
    transport?.send(bye: bye)
    carryOut(session.drain(reason, bye.reason, now: services.steady()))
    armTimer()
  }

  private func deadlinePassed() {
    carryOut(session.tick(now: services.steady()))
    armTimer()
  }

  func armTimer() {
    guard let transport, let deadline = session.deadline else { return }
    let wait = max(.milliseconds(1), deadline - services.steady())
    LoopResources.of(transport.eventLoop).wheel.set(
      timer, at: transport.eventLoop.now + TimeAmount(wait))
  }
}

extension DeviceRegistry.Attachment {
  /// Tells the links that this one ends what becomes of them; whether one of them was handed over.
  fileprivate func tellOlder() -> Bool {
    var isHandover = false
    for link in older {
      switch link {
      case .replaced(let link): link.replacedByNewerLink()
      case .handedOver(let link):
        isHandover = true
        link.handedOverToNewerLink()
      }
    }
    return isHandover
  }
}

extension StoredDevice {
  fileprivate init(_ status: DeviceStatus, lastSeen: Timestamp) {
    self.init(
      id: status.device, labels: status.ownLabels, agent: status.agent, lastSeen: lastSeen)
  }
}
