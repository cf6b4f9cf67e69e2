import AgentCore
import DeviceProtocol
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
  private let ways: LinkWays
  private let memoryFile: StateFile?
  private var log: LinkLog
  var machine: LinkMachine
  private var sampler: Sampler
  var schedule: SampleSchedule
  var interval: SampleInterval
  private lazy var runner = CommandRunner(configuration, host: self, on: loop)
  /// The program is to be started anew when this one is over.
  var isRestarting = false
  private var random = SystemRandomNumberGenerator()
  private var carriers: [LinkAttempt: any LinkCarrier] = [:]
  /// Carriers whose orderly end is awaited before the process ends.
  private var closing: [LinkAttempt: any LinkCarrier] = [:]
  private var isFinished = false
  private var timer: (due: Duration, task: Scheduled<Void>)?
  private var outgoing: [UInt8] = []

  /// - Throws: `AgentService.Failed` where trust roots cannot be read.
  init(
    configuration: AgentConfiguration, logger: Logger, loop: any EventLoop,
    finished: EventLoopPromise<Void>
  ) throws(AgentService.Failed) {
    self.configuration = configuration
    self.loop = loop
    self.finished = finished
    log = LinkLog(logger: logger, url: configuration.url, device: configuration.device)
    do throws(HandshakeError) {
      ways = try LinkWays(configuration)
    } catch {
      throw AgentService.Failed(description: error.description)
    }
    var link = configuration.link
    link.path = ways.path()
    let spool = configuration.makeSpool()
    if let failure = spool.openFailure { log.write(.spoolFailed(failure)) }
    memoryFile = configuration.memoryPath.map(StateFile.init)
    machine = LinkMachine(
      configuration: link, spool: spool.spool,
      memory: memoryFile?.read().flatMap(AgentMemory.init) ?? AgentMemory(),
      commands: configuration.makeCommandDesk())
    let detected = SensorCatalogue.detect(
      configuration.sensors, diskPath: configuration.diskPath)
    for sensor in detected { log.detected(sensor.name, absence: sensor.absence) }
    sampler = Sampler(sensors: detected.compactMap(\.sensor))
    interval = SampleInterval(
      configured: configuration.sampleInterval, path: configuration.intervalPath)
    schedule = SampleSchedule(start: SystemClock.now().monotonic, interval: interval.current)
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
    if machine.isConnectDue(at: now.monotonic) { machine.pathFound(ways.path()) }
    carryOut(machine.tick(at: now, using: &random))
    rearm()
  }

  /// Sets the timer for the next thing that is due. An earlier timer stays: waking once for
  /// nothing is cheaper than a new timer for every message.
  func rearm() {
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

  /// Reads the sensors; returns how many readings there were.
  @discardableResult
  func sample(at now: SampleTime) -> Int {
    let sample = sampler.sample(at: now)
    for change in sample.changes { log.changed(change) }
    guard !sample.records.isEmpty else { return 0 }
    carryOut(machine.append(sample.records, at: now))
    return sample.records.count
  }

  // MARK: Actions

  func carryOut(_ actions: [LinkAction]) {
    for action in actions {
      switch action {
      case .connect(let attempt, let rung): connect(attempt, rung)
      case .send(let message, let attempt):
        outgoing.removeAll(keepingCapacity: true)
        message.encode(into: &outgoing)
        carriers[attempt]?.send(outgoing)
      case .sendPack(let sequence, let lane, let pack, let attempt):
        outgoing.removeAll(keepingCapacity: true)
        AgentMessage.encodeTelemetry(seq: sequence, lane: lane, pack: pack, into: &outgoing)
        carriers[attempt]?.send(outgoing)
      case .close(let attempt, let reason, let detail):
        guard let carrier = carriers.removeValue(forKey: attempt) else { continue }
        closing[attempt] = carrier
        carrier.close(reason, detail: detail)
      case .run(let job): runner.run(job)
      case .stop(let command): runner.stop(command)
      case .remember(let memory): keep(memory)
      case .report(let report): log.write(report)
      case .finished:
        isFinished = true
        if closing.isEmpty { finished.succeed() }
      }
    }
  }

  private func keep(_ memory: AgentMemory) {
    do throws(SpoolFailure) {
      try memoryFile?.replace(with: memory.encoded)
    } catch {
      log.write(.spoolFailed(error))
    }
  }

  private func connect(_ attempt: LinkAttempt, _ rung: TransportRung) {
    log.connecting(rung)
    SystemClock.trust(machine.clock.trusted(at: SystemClock.now()))
    carriers[attempt] = ways.connect(attempt, rung, shell: self, on: loop)
  }

  // MARK: Events of connections

  func opened(_ attempt: LinkAttempt, isCompressed: Bool) {
    log.opened(deflate: isCompressed)
    carryOut(machine.opened(attempt, at: SystemClock.now()))
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

  func heard(_ attempt: LinkAttempt) {
    machine.heard(attempt, at: SystemClock.now().monotonic)
  }

  func narrowed(_ attempt: LinkAttempt, to rung: TransportRung) {
    carryOut(machine.narrowed(attempt, to: rung, at: SystemClock.now()))
    rearm()
  }

  func writabilityChanged(_ attempt: LinkAttempt, _ isWritable: Bool) {
    carryOut(machine.writabilityChanged(isWritable, on: attempt, at: SystemClock.now()))
    rearm()
  }

  /// There is no connection.
  func failed(_ attempt: LinkAttempt, _ error: any Error) {
    ended(attempt, ending(of: error))
  }

  /// Why a connection did not come about.
  func ending(of error: any Error) -> LinkEnding {
    let now = SystemClock.now()
    return LinkEnding(
      error, isClockSet: machine.clock.isPlausible(now.wall), now: machine.clock.wall(at: now))
  }

  /// The time of day, as far as it is known.
  var time: Timestamp? { machine.clock.wall(at: SystemClock.now()) }

  func ended(_ attempt: LinkAttempt, _ ending: LinkEnding) {
    carriers.removeValue(forKey: attempt)
    if closing.removeValue(forKey: attempt) != nil, isFinished, closing.isEmpty {
      finished.succeed()
    }
    carryOut(machine.ended(attempt, ending, at: SystemClock.now(), using: &random))
    rearm()
  }
}
