import AgentCore
import NIOCore
import NIOPosix
import TelemetryModel
import WebSocketTransport

/// Checks the path to the broker step by step.
struct PathDiagnosis {
  /// What is checked, in this order; each step needs those before it.
  enum Step: String, CaseIterable, Sendable {
    case dns, tcp, proxy, tls, upgrade, compression, echo, idle
    /// Tried only where WebSockets do not get through.
    case requests
  }

  /// What came of a step.
  struct Finding: Hashable, Sendable {
    let step: Step
    let isGood: Bool
    /// What was seen.
    let detail: String

    /// The finding in a line.
    var summary: String {
      let padding = String(repeating: " ", count: 12 - step.rawValue.count)
      return "\(step.rawValue)\(padding) \(isGood ? "ok  " : "BAD ") \(detail)"
    }
  }

  let configuration: AgentConfiguration
  /// The silence to try; nil for none.
  let idle: Duration?
  /// Told of each finding at once.
  let report: (Finding) -> Void
  private(set) var findings: [Finding] = []
  private(set) var faults: [PathFault] = []
  private let loop: any EventLoop = MultiThreadedEventLoopGroup.singleton.next()

  init(
    _ configuration: AgentConfiguration, idle: Duration?, report: @escaping (Finding) -> Void
  ) {
    self.configuration = configuration
    self.idle = idle
    self.report = report
  }

  mutating func run() async {
    SystemClock.trust(clock.trusted(at: SystemClock.now()))
    let places: PathPlaces
    let proxy: ProxyEndpoint?
    let tls: ClientTLS?
    do throws(HandshakeError) {
      proxy = try configuration.proxy.proxy(for: configuration.url)
      places = self.places(proxy)
    } catch {
      return fail(.proxy, error, self.places(nil))
    }
    do throws(HandshakeError) {
      tls = configuration.url.isSecure ? try ClientTLS(caFile: configuration.caFile) : nil
    } catch {
      return fail(.tls, error, places)
    }
    let host = proxy?.host ?? configuration.url.host
    let lookup = await AddressLookup.run(host)
    guard !lookup.addresses.isEmpty else {
      return fail(.dns, .connect(.nameNotFound, toProxy: proxy != nil), places)
    }
    let milliseconds = Int((lookup.seconds * 1000).rounded())
    add(.dns, "\(host) is \(lookup.addresses.joined(separator: ", ")) (\(milliseconds) ms)")
    await checkLink(places, tls)
  }

  /// What the agent of this state folder knows of the time.
  private var clock: AgentClock {
    let memory = configuration.memoryPath.flatMap { StateFile(path: $0).read() }
      .flatMap(AgentMemory.init)
    return AgentClock(lastKnown: memory?.brokerTime, builtAt: configuration.link.builtAt)
  }

  private func places(_ proxy: ProxyEndpoint?) -> PathPlaces {
    PathPlaces(
      host: configuration.url.host, broker: configuration.url.authority,
      proxy: proxy.map { "\($0)" }, hasProxyUser: proxy?.user != nil,
      isClockSet: clock.isPlausible(SystemClock.now().wall))
  }

  // MARK: The link

  private mutating func checkLink(_ places: PathPlaces, _ tls: ClientTLS?) async {
    let link = DiagnosticLink(on: loop)
    let isCompressed: Bool
    do throws(HandshakeError) {
      isCompressed = try await link.open(
        configuration, compressed: configuration.transport.configuration.compression != nil,
        tls: tls)
    } catch {
      let step = Step(error)
      addWay(places, isTLS: tls != nil, before: step)
      let fault = PathFault(error, at: places)
      return error.blamesUpgrade ? await failWebSocket(step, fault, tls) : fail(step, fault)
    }
    addWay(places, isTLS: tls != nil, before: .compression)
    add(.compression, isCompressed ? "messages are compressed" : "messages are not compressed")
    let echoed = await link.announce(silenceSeconds: 1)
    switch echoed {
    case .works:
      let asked = ContinuousClock.now
      let isAlive = await link.echo() == .works
      let milliseconds = (ContinuousClock.now - asked) / .milliseconds(1)
      link.close()
      guard isAlive else { return await echoFailed(places, tls, isCompressed: isCompressed) }
      add(.echo, "the broker answers within \((milliseconds * 10).rounded() / 10) ms")
      if let idle { await checkIdle(idle, tls, isCompressed: isCompressed) }
    case .refused(let reason):
      link.close()
      add(.echo, "the broker answers, but has no room for a trial: \(reason)")
    case .ended, .silent:
      link.close()
      await echoFailed(places, tls, isCompressed: isCompressed)
    }
  }

  /// The steps of connecting that went well.
  private mutating func addWay(_ places: PathPlaces, isTLS: Bool, before step: Step) {
    func isBehind(_ other: Step) -> Bool {
      let order = Step.allCases
      return (order.firstIndex(of: other) ?? 0) < (order.firstIndex(of: step) ?? 0)
    }
    if isBehind(.tcp) { add(.tcp, "\(places.firstHop) takes connections") }
    if let proxy = places.proxy, isBehind(.proxy) {
      add(.proxy, "\(proxy) gives a tunnel to \(places.broker)")
    }
    if isTLS, isBehind(.tls) { add(.tls, "\(places.host) shows a certificate that is trusted") }
    if isBehind(.upgrade) { add(.upgrade, "\(places.broker) accepts WebSockets") }
  }

  private mutating func echoFailed(
    _ places: PathPlaces, _ tls: ClientTLS?, isCompressed: Bool
  ) async {
    if isCompressed, await plainWorks(tls) {
      add(.echo, "plain messages are answered")
      return fail(.compression, .compressionBroken)
    }
    await failWebSocket(.echo, .framesSwallowed(places), tls)
  }

  /// WebSockets do not get through; perhaps ordinary requests do.
  private mutating func failWebSocket(
    _ step: Step, _ fault: PathFault, _ tls: ClientTLS?
  ) async {
    let requests = RequestTrial(configuration: configuration, tls: tls, loop: loop)
    guard await requests.run() else { return fail(step, fault) }
    fail(step, fault.bypassed)
    add(.requests, "the broker answers ordinary requests")
  }

  private func plainWorks(_ tls: ClientTLS?) async -> Bool {
    let link = DiagnosticLink(on: loop)
    defer { link.close() }
    guard (try? await link.open(configuration, compressed: false, tls: tls)) != nil else {
      return false
    }
    switch await link.announce(silenceSeconds: 1) {
    case .works, .refused: return true
    case .ended, .silent: return false
    }
  }

  // MARK: Silence

  private mutating func checkIdle(
    _ silence: Duration, _ tls: ClientTLS?, isCompressed: Bool
  ) async {
    let trial = IdleTrial(
      configuration: configuration, tls: tls, isCompressed: isCompressed, loop: loop)
    let verdict = await trial.run(silence)
    switch verdict {
    case .survived:
      add(.idle, "\(PathFault.seconds(silence.inSeconds)) of silence do no harm")
    case .inconclusive(let reason):
      add(.idle, "could not be tried: \(reason)")
    case .cut(let after): fail(.idle, .idleCut(afterSeconds: after))
    case .lifetime(let age): fail(.idle, .lifetimeCut(seconds: age))
    case .unsteady(let age): fail(.idle, .unsteady(seconds: age))
    case .forgotten(let survived, let lost):
      fail(.idle, .idleForgotten(survivedSeconds: survived, lostSeconds: lost))
    }
  }

  // MARK: Findings

  private mutating func add(_ step: Step, _ detail: String) {
    let finding = Finding(step: step, isGood: true, detail: detail)
    findings.append(finding)
    report(finding)
  }

  private mutating func fail(_ step: Step, _ error: HandshakeError, _ places: PathPlaces) {
    fail(step, PathFault(error, at: places))
  }

  private mutating func fail(_ step: Step, _ fault: PathFault) {
    let finding = Finding(step: step, isGood: false, detail: fault.text)
    findings.append(finding)
    faults.append(fault)
    report(finding)
  }
}

extension HandshakeError {
  /// Whether it is WebSockets that something has against, as far as can be told.
  fileprivate var blamesUpgrade: Bool {
    switch self {
    case .upgradeStripped, .badAccept, .badSubprotocol, .badExtensions, .answerMalformed,
      .dropped(.upgrade), .timedOut(.upgrade):
      true
    default: false
    }
  }
}

extension PathDiagnosis.Step {
  /// The step in which an attempt failed.
  init(_ error: HandshakeError) {
    switch error {
    case .connect(.nameNotFound, toProxy: _): self = .dns
    case .connect, .timedOut(.connect), .dropped(.connect): self = .tcp
    case .proxyRefused, .proxyAnswerMalformed, .headTooLarge(.proxy, _), .unusableProxy,
      .timedOut(.proxy), .dropped(.proxy):
      self = .proxy
    case .tls, .timedOut(.tls), .dropped(.tls): self = .tls
    case .status, .upgradeStripped, .badAccept, .badSubprotocol, .badExtensions,
      .answerMalformed, .headTooLarge, .timedOut(.upgrade), .dropped(.upgrade):
      self = .upgrade
    }
  }
}
