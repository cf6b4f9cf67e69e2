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
  /// Where the link comes from, and since when it has had a session.
  private var network = NetworkKey.others
  private var openedAt = Timestamp.distantPast
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
    let now = services.steady()
    remote?.heard(now)
    carryOut(session.received(message, now: now, wall: services.now()), text)
  }

  /// A sign of life that is no message.
  func heard() {
    let now = services.steady()
    remote?.heard(now)
    session.heard(now: now)
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
    services.commands?.linkClosed(device, generation: generation)
    let cause = wasHandedOver ? .handedOver : closeReason.map(LinkEndCause.init(closing:)) ?? cause
    let now = services.now()
    count(cause, now: now)
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

  private func count(_ cause: LinkEndCause, now: Timestamp) {
    services.metrics.linkEnded(cause, kind)
    let steady = services.steady()
    services.statistics.ended(cause, kind, on: network, now: steady)
    services.registry.keep(
      ObservedLinkEnd(
        seenBy: .broker, at: now, cause: cause.rawValue, transport: kind.rawValue,
        livedSeconds: (steady - openedAt).inSeconds,
        idleSeconds: (steady - session.lastHeard).inSeconds,
        closeCode: closeReason.map { Int($0.code) }),
      of: device)
  }

  // MARK: - From elsewhere, by way of the remote

  func opened(_ acked: SequenceRanges, _ hello: Hello) {
    guard let transport, let remote, !session.isClosed else { return }
    let (now, steady) = (services.now(), services.steady())
    if let wait = services.registry.wait(for: device, hello, steady: steady) {
      return turnAway(.duplicateDevice, until: wait)
    }
    let name = services.newSessionID()
    let summary = LinkSummary(transport: kind, remoteAddress: transport.remoteIP, since: now)
    let attachment = services.registry.attach(
      device: device, hello: hello, session: name, link: remote, summary: summary, now: now,
      steady: steady)
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
    if let duplicate = attachment.duplicate { report(duplicate) }
    network = NetworkKey(name: hello.path?.network, address: transport.remoteIP)
    openedAt = steady
    let heartbeat = services.statistics.opened(
      hello, by: device, on: network, usual: services.devicePolicy.heartbeat, now: steady)
    transport.sessionOpened(name)
    carryOut(
      session.opened(
        session: name, generation: attachment.generation, acked: acked, heartbeat: heartbeat,
        server: services.server, now: steady, wall: now))
    services.commands?.linkOpened(
      device, generation: attachment.generation, profile: hello.profile, link: remote)
    armTimer()
  }

  private func report(_ duplicate: DuplicateReport) {
    services.metrics.duplicateFound()
    services.logger.warning(
      "Two devices use one name and take it from each other",
      metadata: [
        "device": "\(device)", "times": "\(duplicate.times)",
        "addresses": "\(duplicate.addresses.map { $0 ?? "unknown" })",
      ])
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
      id: status.device, labels: status.ownLabels, agent: status.agent, lastSeen: lastSeen,
      departure: status.cause.map { Departure(at: status.since, cause: $0) })
  }
}
