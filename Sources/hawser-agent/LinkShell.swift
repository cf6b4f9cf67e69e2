import AgentCore
import DeviceProtocol
import Glibc
import LinuxSensors
import Logging
import NIOCore
import TelemetryModel
import WebSocketTransport

/// Carries out what the link machine decides, and reads the sensors when they are due: the one
/// object of the running agent. Bound to its event loop; one timer serves everything.
final class LinkShell {
  private let configuration: AgentConfiguration
  private let loop: any EventLoop
  private let finished: EventLoopPromise<Void>
  private let tls: ClientTLS?
  private var log: LinkLog
  private var machine: LinkMachine
  private var sampler: Sampler
  private var schedule: SampleSchedule
  private var random = SystemRandomNumberGenerator()
  private var connection: WebSocketConnection?
  /// A connection whose closing handshake is awaited before the process ends.
  private var closing: WebSocketConnection?
  private var isFinished = false
  private var timer: (due: Duration, task: Scheduled<Void>)?
  private var outgoing: [UInt8] = []

  /// - Throws: `AgentService.Failed` where trust roots or the spool cannot be read.
  init(
    configuration: AgentConfiguration, logger: Logger, loop: any EventLoop,
    finished: EventLoopPromise<Void>
  ) throws(AgentService.Failed) {
    self.configuration = configuration
    self.loop = loop
    self.finished = finished
    log = LinkLog(logger: logger, url: configuration.url, device: configuration.device)
    // Read once: the system's trust roots take milliseconds.
    do throws(HandshakeError) {
      tls = configuration.url.isSecure ? try ClientTLS(caFile: configuration.caFile) : nil
    } catch {
      throw AgentService.Failed(description: error.description)
    }
    machine = LinkMachine(
      configuration: configuration.link, spool: try Self.openSpool(configuration))
    let detected = SensorCatalogue.detect(
      configuration.sensors, diskPath: configuration.diskPath)
    for sensor in detected { log.detected(sensor.name, absence: sensor.absence) }
    sampler = Sampler(sensors: detected.compactMap(\.sensor))
    schedule = SampleSchedule(
      start: SystemClock.now().monotonic, interval: configuration.sampleInterval)
  }

  func start() {
    carryOut(machine.start(at: SystemClock.now()))
    wake()
  }

  func stop() {
    log.stopping()
    carryOut(machine.stop(at: SystemClock.now()))
    rearm()
  }

  // MARK: Timer

  private func wake() {
    timer = nil
    guard !isFinished else { return }
    let now = SystemClock.now()
    if schedule.take(at: now.monotonic) { sample(at: now) }
    carryOut(machine.tick(at: now, using: &random))
    rearm()
  }

  /// Sets the timer for the next thing that is due. An earlier timer stays: waking once for
  /// nothing is cheaper than a new timer for every message.
  private func rearm() {
    guard !isFinished else {
      timer?.task.cancel()
      timer = nil
      return
    }
    let due = machine.deadline.map { min($0, schedule.nextDue) } ?? schedule.nextDue
    if let timer, timer.due <= due { return }
    timer?.task.cancel()
    let wait = max(due - SystemClock.now().monotonic, .zero)
    let task = loop.assumeIsolated().scheduleTask(in: TimeAmount(wait)) { self.wake() }
    timer = (due, task)
  }

  private func sample(at now: SampleTime) {
    let sample = sampler.sample(at: now)
    for change in sample.changes { log.changed(change) }
    guard !sample.records.isEmpty else { return }
    var pack: [UInt8] = []
    SenMLEncoder.encode(sample.records, into: &pack)
    carryOut(machine.append(pack, at: now))
  }

  // MARK: Actions

  private func carryOut(_ actions: [LinkAction]) {
    for action in actions {
      switch action {
      case .connect(let attempt): connect(attempt)
      case .send(let message):
        outgoing.removeAll(keepingCapacity: true)
        message.encode(into: &outgoing)
        connection?.send(text: outgoing)
      case .sendPack(let sequence, let lane, let pack):
        outgoing.removeAll(keepingCapacity: true)
        AgentMessage.encodeTelemetry(seq: sequence, lane: lane, pack: pack, into: &outgoing)
        connection?.send(text: outgoing)
      case .close(_, let reason, let detail):
        closing = connection
        connection = nil
        closing?.close(
          code: reason.code, reason: detail.isEmpty ? reason.text : reason.text(detail))
      case .report(let report): log.write(report)
      case .finished:
        isFinished = true
        if closing == nil { finished.succeed() }
      }
    }
  }

  private func connect(_ attempt: LinkAttempt) {
    let link = LinkConnection(attempt: attempt, shell: self)
    WebSocketClient.connect(
      to: configuration.url, configuration: configuration.transport, tls: tls,
      proxy: configuration.proxy, subprotocols: [DeviceLink.subprotocol], delegate: link,
      on: loop
    ).assumeIsolated().whenFailure { error in
      self.ended(attempt, LinkEnding(error))
    }
  }

  // MARK: Events of connections

  func opened(_ attempt: LinkAttempt, _ opened: WebSocketConnection) {
    let actions = machine.opened(attempt, at: SystemClock.now())
    guard !actions.isEmpty else {
      // Nobody waits for it any more.
      opened.close(code: CloseReason.goingAway.code)
      return
    }
    connection = opened
    log.opened(deflate: opened.negotiated.deflate != nil)
    carryOut(actions)
    rearm()
  }

  func received(_ attempt: LinkAttempt, _ text: ByteBuffer) {
    let now = SystemClock.now()
    let bytes = Array(text.readableBytesView)
    do throws(ProtocolError) {
      let message = try BrokerMessage.decode(bytes.span)
      carryOut(machine.received(message, on: attempt, at: now, using: &random))
    } catch {
      carryOut(machine.receivedMalformed(error, on: attempt, at: now, using: &random))
    }
    rearm()
  }

  func writabilityChanged(_ attempt: LinkAttempt, _ isWritable: Bool) {
    guard connection != nil, attempt == machine.attempt else { return }
    carryOut(machine.writabilityChanged(isWritable, at: SystemClock.now()))
    rearm()
  }

  func closed(_ attempt: LinkAttempt, _ ended: WebSocketConnection, _ end: WebSocketEnd) {
    if ended === connection { connection = nil }
    if ended === closing {
      closing = nil
      if isFinished { finished.succeed() }
    }
    self.ended(attempt, LinkEnding(end))
  }

  private func ended(_ attempt: LinkAttempt, _ ending: LinkEnding) {
    carryOut(machine.ended(attempt, ending, at: SystemClock.now(), using: &random))
    rearm()
  }

  private static func openSpool(
    _ configuration: AgentConfiguration
  ) throws(AgentService.Failed) -> any Spool & Sendable {
    let limits = configuration.spool
    guard let path = configuration.spoolFolder else {
      return MemorySpool(
        epoch: newEpoch(), maxPacks: limits.maxPacks, maxBytes: limits.maxBytes)
    }
    do throws(SpoolFailure) {
      return try DiskSpool(in: DiskSpoolFolder(path), limits: limits, newEpoch: newEpoch)
    } catch {
      throw AgentService.Failed(description: error.description)
    }
  }

  private static func newEpoch() -> String {
    let hex = (0..<2).map { _ in String(UInt64.random(in: .min ... .max), radix: 16) }
    return hex.joined()
  }
}
