import AgentCore
import DeviceProtocol
import TelemetryModel
import TestValues
import Testing

/// A link machine with its own clock and dice, and short words for what tests do with it.
struct LinkHarness {
  var machine: LinkMachine
  var random: Seeded
  var now = SampleTime(wall: Timestamp(seconds: 1_800_000_000), monotonic: .seconds(100))
  /// The present attempt, as the last `connect` said.
  var attempt = LinkAttempt(number: 0)
  /// Ids of requests that were sent and not answered.
  var lastRequestID = ""
  /// What was last to be kept.
  var kept: AgentMemory?

  init(
    seed: UInt64 = 1, maxPacks: Int = 1000, spool: (any Spool & Sendable)? = nil,
    memory: AgentMemory = AgentMemory(), commands: CommandDesk? = nil,
    configure: (inout LinkMachine.Configuration) -> Void = { _ in }
  ) {
    var configuration = LinkMachine.Configuration(
      agent: Software(name: "test", version: "1"), boot: "boot",
      path: PathKey(interface: "eth0", gateway: "192.0.2.1", broker: "broker:80"))
    // Spare links are for the tests that ask for them.
    configuration.trials.probeInterval = nil
    configure(&configuration)
    machine = LinkMachine(
      configuration: configuration,
      spool: spool ?? MemorySpool(epoch: "epoch", maxPacks: maxPacks, maxBytes: 1 << 20),
      memory: memory, commands: commands)
    random = Seeded(seed)
  }

  mutating func advance(_ duration: Duration) {
    now.monotonic += duration
    now.wall = now.wall + duration
  }

  /// Goes to the machine's deadline and ticks.
  mutating func tickAtDeadline() -> [LinkAction] {
    if let deadline = machine.deadline, deadline > now.monotonic {
      advance(deadline - now.monotonic)
    }
    return watch(machine.tick(at: now, using: &random))
  }

  mutating func start() -> [LinkAction] { watch(machine.start(at: now)) }
  mutating func open(_ other: LinkAttempt? = nil) -> [LinkAction] {
    watch(machine.opened(other ?? attempt, at: now))
  }
  mutating func append(_ text: String = "[]") -> [LinkAction] {
    watch(machine.append(Array(text.utf8), at: now))
  }
  mutating func receive(_ message: BrokerMessage, on other: LinkAttempt? = nil) -> [LinkAction] {
    watch(machine.received(message, on: other ?? attempt, at: now, using: &random))
  }
  mutating func end(_ ending: LinkEnding, on other: LinkAttempt? = nil) -> [LinkAction] {
    watch(machine.ended(other ?? attempt, ending, at: now, using: &random))
  }
  mutating func stop() -> [LinkAction] { watch(machine.stop(at: now)) }

  /// The answer to the last request, read from its JSON as it would come.
  mutating func welcome(
    acked: SequenceRanges = SequenceRanges(), messages: Int = 100, bytes: Int = 1 << 20,
    maxMessage: Int = 1 << 20, heartbeat: Duration = .seconds(20)
  ) throws -> [LinkAction] {
    let welcome = Welcome(
      session: "s", generation: 1, acked: acked, now: now.wall,
      heartbeat: HeartbeatPolicy(interval: heartbeat, timeout: heartbeat * 3),
      window: WindowLimits(messages: messages, bytes: bytes), maxMessageBytes: maxMessage,
      server: Software(name: "broker", version: "1"))
    return receive(try wire(.welcome(id: lastRequestID, welcome)))
  }

  mutating func replyToHeartbeat() throws -> [LinkAction] {
    receive(
      try wire(
        .heartbeatReply(
          id: lastRequestID, monoSeconds: now.monotonic.inSeconds, nowSeconds: now.wall.seconds)))
  }

  /// Starts, opens and is welcomed.
  mutating func bringUp(messages: Int = 100) throws {
    _ = start()
    _ = open()
    _ = try welcome(messages: messages)
    #expect(machine.isUp)
  }

  /// A message after a trip over the wire.
  func wire(_ message: BrokerMessage) throws -> BrokerMessage {
    var bytes: [UInt8] = []
    message.encode(into: &bytes)
    return try BrokerMessage.decode(bytes.span)
  }

  private mutating func watch(_ actions: [LinkAction]) -> [LinkAction] {
    for action in actions {
      switch action {
      case .connect(let attempt, _): self.attempt = attempt
      case .send(.hello(let id, _), _), .send(.heartbeat(let id, _), _),
        .send(.probe(let id, _), _):
        lastRequestID = id
      case .remember(let memory): kept = memory
      default: break
      }
    }
    return actions
  }
}

extension [LinkAction] {
  /// Packs sent, as `live 3`.
  var packs: [String] {
    compactMap { action in
      guard case .sendPack(let sequence, let lane, _, _) = action else { return nil }
      return "\(lane) \(sequence)"
    }
  }

  var gaps: [Gap] {
    compactMap { action in
      guard case .send(.gap(let gap), _) = action else { return nil }
      return gap
    }
  }

  var hello: Hello? {
    for case .send(.hello(_, let hello), _) in self { return hello }
    return nil
  }

  var heartbeats: Int {
    count { if case .send(.heartbeat, _) = $0 { true } else { false } }
  }

  var closes: [CloseReason] {
    compactMap { if case .close(_, let reason, _) = $0 { reason } else { nil } }
  }

  var connects: Int { count { if case .connect = $0 { true } else { false } } }

  /// The planned wait after an end.
  var retryAfter: Duration? {
    for case .report(.down(_, _, let wait)) in self { return wait }
    return nil
  }
}
