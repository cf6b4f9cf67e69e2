import BrokerCore
import DeviceProtocol
import NIOCore
import Synchronization
import TelemetryModel

// How a session's decisions are carried out.
extension DeviceConnection {
  func carryOut(_ actions: [DeviceSession.Action], _ message: ByteBuffer = ByteBuffer()) {
    for action in actions {
      switch action {
      case .open(let hello): open(hello)
      case .openSpare: openSpare()
      case .send(let message): send(message)
      case .submit(let seq, let lane, let pack): submit(seq, lane, pack, of: message)
      case .keep(let gap): keep(gap)
      case .forwardAck(let ranges): forwardAck(ranges)
      case .commandResponse(let id, let response):
        services.commands?.commandResponse(id, response, from: device)
      case .commandProgress(let progress):
        services.commands?.commandProgress(progress, from: device)
      case .commandFinished(let id, let finished): commandFinished(id, finished)
      case .close(let reason, let text):
        if closeReason == nil { closeReason = reason }
        transport?.close(reason, text)
      }
    }
  }

  func send(_ message: BrokerMessage) {
    var bytes: [UInt8] = []
    message.encode(into: &bytes)
    transport?.send(message: bytes)
  }

  private func open(_ hello: Hello) {
    guard let remote else { return }
    reader.heard(hello.clock, now: services.now())
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

  private func openSpare() {
    guard kind != .http else {
      return carryOut(session.close(.protocolError, "requests have no silence to measure"))
    }
    // A link that measures again stays the one that was counted.
    if !countsAsSpare {
      countsAsSpare = services.registry.openSpare(
        device: device, limit: services.devicePolicy.maxSpareLinks)
    }
    guard countsAsSpare else { return carryOut(session.spareRefused()) }
    services.metrics.spareLinkOpened()
    carryOut(session.spareOpened(now: services.steady()))
    armTimer()
  }

  private func submit(
    _ seq: UInt64, _ lane: Lane, _ range: Range<Int>, of message: ByteBuffer
  ) {
    guard let transport, let remote, let epoch = session.epoch else { return }
    let source = PackReader.Source(
      epoch: epoch, seq: seq, lane: lane, received: services.now(), origin: remote)
    let pack = reader.read(
      message.readableBytesUInt8Span.extracting(range), from: source,
      with: services.decoders.decoder(on: transport.eventLoop))
    if !services.pipeline.submit(pack) { overloaded(.queueFull) }
  }

  private func keep(_ gap: Gap) {
    guard let remote, let epoch = session.epoch else { return }
    let kept = services.pipeline.submit(
      IncomingGap(
        gap: StoredGap(
          device: device, epoch: epoch, range: gap.range, reason: gap.reason,
          reported: services.now()), origin: remote))
    if !kept { overloaded(.queueFull) }
  }

  private func forwardAck(_ ranges: SequenceRanges) {
    guard let remote, let epoch = session.epoch,
      let newest = services.registry.link(of: device, carrying: epoch), newest !== remote
    else { return }
    newest.packsCommitted(ranges)
  }

  private func commandFinished(_ id: String, _ finished: CommandFinished) {
    guard let commands = services.commands, let remote else {
      return send(.error(id: id, RPCError(.notFound, "there is no command \(finished.command)")))
    }
    commands.commandFinished(id, finished, from: device, over: remote)
  }

  /// Asks the agent to come back later; it keeps what is not acked.
  func overloaded(_ cause: Admission.Cause) {
    guard !session.isClosed else { return }
    turnAway(cause, comeBack: services.admission.comeBack(cause))
  }

  /// Asks the agent to come back when another device's turn is over.
  func turnAway(_ cause: Admission.Cause, until wait: Duration) {
    services.metrics.linkRefused(cause)
    turnAway(cause, comeBack: wait...(wait * 1.2))
  }

  private func turnAway(_ cause: Admission.Cause, comeBack: ClosedRange<Duration>) {
    transport?.send(bye: Bye(reason: cause.text, reconnectAfter: comeBack))
    carryOut(session.close(.overloaded, cause.text))
  }
}

/// A link as other threads hold it: everything hops to the link's loop.
final class DeviceConnectionRemote: DeviceLinkHandle, PackOrigin {
  let fence = LinkFence()
  private let heardAt = Atomic(Timestamp.distantPast.microseconds)
  private let link: NIOLoopBound<DeviceConnection>
  private let loop: any EventLoop

  /// Call on the loop.
  init(_ link: DeviceConnection, loop: any EventLoop) {
    self.link = NIOLoopBound(link, eventLoop: loop)
    self.loop = loop
  }

  var lastHeard: Timestamp { Timestamp(microseconds: heardAt.load(ordering: .relaxed)) }

  func heard(_ now: Timestamp) {
    heardAt.store(now.microseconds, ordering: .relaxed)
  }

  private func hop(_ body: @escaping @Sendable (DeviceConnection) -> Void) {
    loop.execute { body(self.link.value) }
  }

  func packsCommitted(_ ranges: SequenceRanges) { hop { $0.committed(ranges) } }

  func recordsRefused(_ refusal: PackRefusal) { hop { $0.refused(refusal) } }

  func send(_ message: BrokerMessage) { hop { $0.sendToDevice(message) } }

  func replacedByNewerLink() { hop { $0.replaced() } }

  func revoked() { hop { $0.revoked() } }

  func handedOverToNewerLink() { hop { $0.handedOver() } }

  func goodbye(_ bye: Bye, _ reason: CloseReason) { hop { $0.goodbye(bye, reason) } }

  func opened(_ acked: SequenceRanges, _ hello: Hello) { hop { $0.opened(acked, hello) } }

  func notOpened() { hop { $0.notOpened() } }
}

extension RPCError {
  /// A refusal as the device is told it: an error that answers no request, its field saying which
  /// pack and record is meant.
  init(_ refusal: PackRefusal) {
    let word: Word =
      switch refusal.code {
      case .unitChanged: .conflict
      case .badName: .notYourDevice
      case .farFuture: .timeInFuture
      case .malformed: .malformed
      }
    let record = refusal.record.map { ".pack[\($0)]" } ?? ""
    self.init(word, refusal.text, field: "telemetry[\(refusal.seq)]\(record)")
  }
}
