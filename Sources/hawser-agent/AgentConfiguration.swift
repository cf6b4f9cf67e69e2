import AgentCore
import DeviceProtocol
import Glibc
import LinuxSensors
import NIOCore
import Settings
import TelemetryModel
import WebSocketTransport

/// What the running agent is made of, from its settings.
struct AgentConfiguration: Sendable {
  let device: DeviceID
  let url: WebSocketURL
  let sampleInterval: Duration
  let sensors: [String]
  let diskPath: String
  /// Nil for a spool in memory.
  let spoolFolder: String?
  let spool: DiskSpool.Limits
  /// The file for what is remembered beside readings; nil for none.
  let memoryPath: String?
  let link: LinkMachine.Configuration
  /// What the device can be told to do.
  let profile: AgentProfile
  /// What its owner allows of it.
  let commandPolicy: CommandPolicy
  /// The folder for the journal of commands; nil for one in memory.
  let commandFolder: String?
  /// The file for the distance between readings that a command has set; nil for none.
  let intervalPath: String?
  let transport: SharedConfiguration
  let proxy: ProxyPolicy
  /// The ladder's first rungs go without the proxy.
  let triesDirect: Bool
  let caFile: String?

  /// - Throws: what only several keys together show: no broker, no usable name.
  init(_ settings: Settings) throws(SettingsErrors) {
    var problems: [SettingsProblem] = []
    let name = settings[AgentSettings.device] ?? Self.hostName()
    let device = try? DeviceID(name)
    if device == nil {
      problems.append(
        settings.problem(
          with: AgentSettings.device, expected: "a name, as the host's (\(name)) cannot be one"))
    }
    let url = settings[AgentSettings.broker].flatMap { Self.linkURL($0, device: name) }
    if url == nil {
      problems.append(
        settings.problem(with: AgentSettings.broker, expected: "a broker's address (--broker URL)"))
    }
    guard let device, let url, problems.isEmpty else { throw SettingsErrors(problems: problems) }
    self.device = device
    self.url = url
    spoolFolder =
      settings[AgentSettings.spoolStore] == "disk" ? settings[AgentSettings.state] + "/spool" : nil
    spool = Self.spool(settings)
    memoryPath =
      settings[AgentSettings.spoolStore] == "disk" ? settings[AgentSettings.state] + "/memory" : nil
    sampleInterval = settings[AgentSettings.sampleInterval]
    sensors = settings[AgentSettings.sensors]
    diskPath = settings[AgentSettings.diskPath]
    caFile = settings[AgentSettings.caFile]
    profile = try AgentProfile.load(settings)
    commandPolicy = Self.commandPolicy(settings)
    let keeps = settings[AgentSettings.spoolStore] == "disk"
    commandFolder = keeps ? settings[AgentSettings.state] + "/commands" : nil
    intervalPath = keeps ? settings[AgentSettings.state] + "/interval" : nil
    let proxy = Self.proxy(settings)
    self.proxy = proxy
    let hasProxy = ((try? proxy.proxy(for: url)) ?? nil) != nil
    triesDirect = settings[AgentSettings.triesDirect] && hasProxy
    var link = Self.link(settings, isSecure: url.isSecure, triesDirect: triesDirect)
    link.profile = profile.summary
    self.link = link
    transport = SharedConfiguration(Self.transport(settings))
  }

  /// The address of the device link below the broker's.
  static func linkURL(_ broker: String, device: String) -> WebSocketURL? {
    var base = broker
    while base.hasSuffix("/") { base.removeLast() }
    return WebSocketURL("\(base)\(DeviceLink.path)?device=\(device)")
  }

  private static func spool(_ settings: Settings) -> DiskSpool.Limits {
    var limits = DiskSpool.Limits()
    limits.maxPacks = settings[AgentSettings.spoolPacks]
    limits.maxBytes = settings[AgentSettings.spoolBytes]
    // Space comes back by the segment: a small spool needs small ones.
    limits.segmentBytes = max(4096, min(limits.segmentBytes, limits.maxBytes / 8))
    limits.maxAge = settings[AgentSettings.spoolAge]
    limits.minFreeBytes = settings[AgentSettings.spoolFree]
    limits.syncsEveryPack = settings[AgentSettings.spoolSync] == .zero
    // Reserving numbers costs nothing beside a write that happens anyway, and what is reserved and not
    // used when the process is killed is told as a gap.
    if limits.syncsEveryPack { limits.reservedNumbers = 16 }
    return limits
  }

  private static func link(
    _ settings: Settings, isSecure: Bool, triesDirect: Bool
  ) -> LinkMachine.Configuration {
    var link = LinkMachine.Configuration(
      agent: Software(name: "hawser-agent", version: AgentVersion.text), boot: bootID(),
      isSecure: isSecure)
    link.builtAt = SystemClock.builtAt
    link.labels = settings[AgentSettings.labels]
    let webSockets: [TransportRung] =
      settings[AgentSettings.compression] ? [.compressed, .plain] : [.plain]
    link.rungs = webSockets + (triesDirect ? [.tunnelled] : []) + [.longPoll, .shortPost]
    link.heartbeat.interval = settings[AgentSettings.heartbeatInterval]
    link.heartbeat.shortestTimeout = settings[AgentSettings.heartbeatTimeout]
    link.heartbeat = link.heartbeat.withInterval(link.heartbeat.interval)
    link.echoTimeout = settings[AgentSettings.echoTimeout]
    link.paths.isMetered = settings[AgentSettings.isMetered]
    link.trials.probeInterval = settings[AgentSettings.probeInterval]
    link.trials.betterInterval = settings[AgentSettings.betterInterval]
    link.paths.interval = settings[AgentSettings.heartbeatInterval]
    link.backoff.immediate = settings[AgentSettings.reconnectFirst]
    link.backoff.base = settings[AgentSettings.reconnectBase]
    link.backoff.ceiling = settings[AgentSettings.reconnectMost]
    link.backoff.goodAfter = settings[AgentSettings.reconnectReset]
    link.backoff.afterRefusal = settings[AgentSettings.reconnectRefused]
    let sync = settings[AgentSettings.spoolSync]
    if sync > .zero, settings[AgentSettings.spoolStore] == "disk" { link.flushInterval = sync }
    link.welcomeTimeout = settings[AgentSettings.handshakeTimeout]
    link.drainTimeout = settings[AgentSettings.drainTimeout]
    return link
  }

  private static func commandPolicy(_ settings: Settings) -> CommandPolicy {
    var policy = CommandPolicy()
    policy.forbidden = Set(settings[AgentSettings.commandsForbid])
    let word = settings[AgentSettings.commandsWorst]
    policy.worst = CommandDeclaration.Danger(rawValue: word) ?? .none
    return policy
  }

  private static func transport(_ settings: Settings) -> WebSocketConfiguration {
    var transport = WebSocketConfiguration()
    transport.handshakeTimeout = TimeAmount(settings[AgentSettings.handshakeTimeout])
    if !settings[AgentSettings.compression] { transport.compression = nil }
    return transport
  }

  private static func proxy(_ settings: Settings) -> ProxyPolicy {
    switch settings[AgentSettings.proxy] {
    case "direct": return .direct
    case let address:
      guard var endpoint = ProxyEndpoint(address), address != "environment" else {
        return .environment(ProcessEnvironment.current())
      }
      endpoint.user = settings[AgentSettings.proxyUser]
      endpoint.password = settings[AgentSettings.proxyPassword]
      return .fixed(endpoint)
    }
  }

  private static func hostName() -> String {
    var name = [CChar](repeating: 0, count: 256)
    guard gethostname(&name, name.count - 1) == 0 else { return "" }
    return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  /// The kernel's name for this boot; empty where it has none.
  private static func bootID() -> String {
    guard let file = try? SettingsFile.read(path: "/proc/sys/kernel/random/boot_id") else {
      return ""
    }
    return String(decoding: file.bytes.prefix { $0 > UInt8(ascii: " ") }, as: UTF8.self)
  }
}
